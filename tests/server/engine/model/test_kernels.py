"""The compiled loops against PyTorch's operations, in both number formats."""

import pytest
import torch
from torch import Tensor

from server.engine.model.cpu_kernels import CpuKernels
from server.engine.model.kernels import LowRank
from server.engine.model.runner import Chunk
from server.engine.model.token_rows import TokenRows
from server.engine.model.torch_kernels import TorchKernels

CPU = torch.device("cpu")
COMPILED, REFERENCE = CpuKernels(), TorchKernels()
FORMATS = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def assert_close(found: Tensor, expected: Tensor) -> None:
    """bfloat16 has eight bits, and the reference rounds in between."""
    bound = 1e-5 if found.dtype == torch.float32 else 2e-2
    torch.testing.assert_close(found, expected, atol=bound, rtol=bound)


@pytest.fixture(autouse=True)
def ready() -> None:
    torch.manual_seed(0)
    COMPILED.begin_step()


@FORMATS
def test_rms_norm(dtype: torch.dtype) -> None:
    x, weight = torch.randn(5, 48).to(dtype), torch.rand(48).to(dtype)
    found = COMPILED.rms_norm(x, weight, 1e-5)
    assert found.dtype == dtype
    assert_close(found, REFERENCE.rms_norm(x, weight, 1e-5))


@FORMATS
def test_attention_of_rows_with_pasts_of_any_length(dtype: torch.dtype) -> None:
    rows, heads, kv_heads, dim, capacity = 4, 6, 2, 16, 40
    qkv = torch.randn(rows, heads + 2 * kv_heads, dim).to(dtype)
    cos, sin = torch.rand(2, rows, 1, dim).to(dtype)
    keys, values = torch.randn(2, rows + 2, kv_heads, capacity, dim).to(dtype)
    lengths = torch.tensor([0, 39, 7, 20])
    stored, expected = (keys.clone(), values.clone()), (keys.clone(), values.clone())
    assert_close(
        COMPILED.attend(qkv, cos, sin, *stored, lengths),
        REFERENCE.attend(qkv, cos, sin, *expected, lengths),
    )
    for found, wanted in zip(stored, expected, strict=True):
        assert_close(found, wanted)


@FORMATS
@pytest.mark.parametrize("sources", [[0], [0, 0, 1, 2], [0, 1]])
def test_low_rank_products_of_tokens_and_prompts(dtype: torch.dtype, sources: list[int]) -> None:
    all_rows, rank, size, inputs = 6, 8, 12, 20
    chunks = [Chunk(2, 0, (1, 2, 3), is_last=True), Chunk(3, 4, (1,), is_last=False)]
    rows = TokenRows(2, chunks, CPU)
    weights = LowRank(
        torch.randn(all_rows, (max(sources) + 1) * rank, inputs).bfloat16(),
        torch.randn(all_rows, len(sources), rank, size).bfloat16() / 10,
        torch.tensor(sources),
    )
    x = torch.randn(6, inputs).to(dtype) / 10
    found = torch.randn(6, len(sources) * size).to(dtype)
    expected = found.clone()
    COMPILED.add_low_rank(found, x, rows, LowRank(*map(COMPILED.operand, weights)), 1.5)
    REFERENCE.add_low_rank(expected, x, rows, weights, 1.5)
    assert_close(found, expected)


def test_bfloat16_is_rounded_to_the_nearest_even() -> None:
    numbers = torch.tensor([[1.00390625, 1.01171875, -1.00390625, 3.0e38, 0.0, 1e-40]])
    # As a sum of two bfloat16, by two of four ranks.
    high = numbers.bfloat16()
    low = (numbers - high.float()).bfloat16()
    b = torch.stack([high, low, torch.zeros_like(high), torch.zeros_like(high)], dim=1)
    weights = LowRank(torch.ones(1, 4, 1).bfloat16(), b[:, None], torch.tensor([0]))
    y = torch.zeros_like(high)
    operands = LowRank(*map(COMPILED.operand, weights))
    COMPILED.add_low_rank(y, torch.ones(1, 1).bfloat16(), TokenRows(1, (), CPU), operands, 1.0)
    assert torch.equal(y, high)
