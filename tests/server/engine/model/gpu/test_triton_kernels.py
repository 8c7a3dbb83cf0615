"""Triton's kernels against PyTorch's. Without a CUDA device they need Triton's interpreter.

`make test-triton` runs them on a CPU.
"""

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adapters_store.base_model import load_base_model
from adapters_store.lora import linear_shapes
from server.engine.model.fused_llama import FusedLlama
from server.engine.model.kernels import LowRank, blocks_of
from server.engine.model.runner import Chunk
from server.engine.model.token_tiles import NO_SLOT, TILE, TokenTiles, tiles_of
from server.engine.model.torch_kernels import TorchKernels
from tests.adapters import LORA, random_adapter

IS_INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
if not IS_INTERPRETED and not torch.cuda.is_available():
    pytest.skip("no CUDA device, and no interpreter: see make test-triton", allow_module_level=True)
pytest.importorskip("triton", reason="Triton is not installed: see make test-triton")

from server.engine.model.gpu.triton_kernels import TritonKernels  # noqa: E402

DEVICE = torch.device("cpu" if IS_INTERPRETED else "cuda")
REFERENCE = TorchKernels()
FORMATS = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


@pytest.fixture
def kernels() -> TritonKernels:
    torch.manual_seed(0)
    kernels = TritonKernels(DEVICE)
    kernels.begin_step()
    return kernels


def assert_close(found: Tensor, expected: Tensor) -> None:
    """bfloat16 has eight bits, and the two round in different places."""
    bound = 1e-4 if found.dtype == torch.float32 else 3e-2
    torch.testing.assert_close(found, expected, atol=bound, rtol=bound)


def low_rank(slots: int, rank: int, inputs: int, *outputs: int, gap: int = 0) -> LowRank:
    """Random adapters of linears with so many `outputs`, `gap` columns apart."""
    ends = [sum(outputs[: i + 1]) + gap * i for i in range(len(outputs))]
    columns = [slice(end - out, end) for end, out in zip(ends, outputs, strict=True)]
    a = torch.randn(slots, len(outputs) * rank, inputs, device=DEVICE) / inputs**0.5
    b = torch.randn(slots, sum(outputs), rank, device=DEVICE) / rank**0.5
    return LowRank(a.bfloat16(), b.bfloat16(), columns, blocks_of(columns, DEVICE))


def apply(
    kernels: TorchKernels | TritonKernels, y: Tensor, x: Tensor, tiles: TokenTiles, weights: LowRank
) -> Tensor:
    y = y.clone()
    kernels.expand(y, kernels.shrink(x, tiles, weights), tiles, weights)
    return y


def compare(
    kernels: TritonKernels, weights: LowRank, tiles: TokenTiles, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Check random activations against the reference; return `y` before and after."""
    tokens = int(tiles.bounds[-1])
    x = torch.randn(tokens, weights.a.shape[2], device=DEVICE).to(dtype)
    y = torch.randn(tokens, weights.columns[-1].stop + 3, device=DEVICE).to(dtype)
    found = apply(kernels, y, x, tiles, weights)
    assert_close(found, apply(REFERENCE, y, x, tiles, weights))
    return y, found


@FORMATS
def test_as_many_adapters_as_rows_in_any_order(kernels: TritonKernels, dtype: torch.dtype) -> None:
    rows = 5
    weights = low_rank(rows, 8, 256, 128, 64, 64)
    for slots in ([0] * rows, [0, 1, 2, 3, 4], [4, 2, 0, 3, 1], [1, 1, 3, 3, 1]):
        compare(kernels, weights, tiles_of(rows, [], slots, DEVICE), dtype)


@FORMATS
def test_rows_without_an_adapter_are_left_as_they_are(
    kernels: TritonKernels, dtype: torch.dtype
) -> None:
    tiles = tiles_of(4, [], [NO_SLOT, 0, NO_SLOT, 1], DEVICE)
    before, after = compare(kernels, low_rank(2, 8, 128, 96), tiles, dtype)
    assert torch.equal(before[[0, 2]], after[[0, 2]])
    assert not torch.equal(before[[1, 3]], after[[1, 3]])


@FORMATS
def test_prompts_beside_decoding_rows(kernels: TritonKernels, dtype: torch.dtype) -> None:
    chunks = [
        Chunk(row, 0, [1] * tokens, is_last=True)
        for row, tokens in ((2, 2 * TILE + 5), (3, 1), (4, TILE))
    ]
    tiles = tiles_of(2, chunks, [1, NO_SLOT, 0, 2, NO_SLOT], DEVICE)
    compare(kernels, low_rank(3, 8, 256, 128, 32), tiles, dtype)


@FORMATS
@pytest.mark.parametrize(
    ("rank", "inputs", "outputs"),
    [(1, 5, (3,)), (3, 130, (129, 7)), (20, 300, (40, 40, 300)), (72, 2100, (33,))],
)
def test_sizes_that_are_no_multiple_of_a_block(
    kernels: TritonKernels, dtype: torch.dtype, rank: int, inputs: int, outputs: tuple[int, ...]
) -> None:
    tiles = tiles_of(1, [Chunk(1, 0, [1] * 3, is_last=True)], [1, 0], DEVICE)
    compare(kernels, low_rank(2, rank, inputs, *outputs, gap=2), tiles, dtype)


def test_adapters_of_different_ranks_padded_with_zeros(kernels: TritonKernels) -> None:
    weights = low_rank(3, 8, 64, 48)
    for slot, rank in enumerate((8, 2, 5)):
        weights.a[slot, rank:] = 0
        weights.b[slot, :, rank:] = 0
    compare(kernels, weights, tiles_of(3, [], [0, 1, 2], DEVICE), torch.float32)


def test_no_tokens(kernels: TritonKernels) -> None:
    compare(kernels, low_rank(1, 8, 64, 48), tiles_of(0, [], [], DEVICE), torch.float32)


def test_an_adapter_without_finite_numbers_spoils_no_other_row(kernels: TritonKernels) -> None:
    weights = low_rank(2, 8, 64, 48)
    weights.a[1], weights.b[1] = float("nan"), float("nan")
    chunks = [Chunk(1, 0, [1] * 5, is_last=True)]
    x, y = torch.ones(6, 64, device=DEVICE), torch.zeros(6, 48, device=DEVICE)
    found = apply(kernels, y, x, tiles_of(1, chunks, [1, 0], DEVICE), weights)
    assert found[1:].isfinite().all()


@FORMATS
def test_a_row_gets_the_same_bits_alone_and_in_company(
    kernels: TritonKernels, dtype: torch.dtype
) -> None:
    weights = low_rank(3, 8, 700, 200)
    x = torch.randn(4, 700, device=DEVICE).to(dtype)
    y = torch.randn(4, 200, device=DEVICE).to(dtype)
    slots = [2, 0, 1, 1]
    found = apply(kernels, y, x, tiles_of(4, [], slots, DEVICE), weights)
    for row, slot in enumerate(slots):
        alone = tiles_of(1, [], [slot], DEVICE)
        expected = apply(kernels, y[row, None], x[row, None], alone, weights)
        assert torch.equal(found[row], expected[0])


@FORMATS
@pytest.mark.skipif(IS_INTERPRETED, reason="NumPy sums the rows of a matrix in different orders")
def test_a_token_gets_the_same_bits_in_a_prompt_and_decoded(
    kernels: TritonKernels, dtype: torch.dtype
) -> None:
    weights, tokens = low_rank(1, 8, 2100, 200), 2 * TILE + 3
    x = torch.randn(tokens, 2100, device=DEVICE).to(dtype)
    y = torch.randn(tokens, 200, device=DEVICE).to(dtype)
    prompt = tiles_of(0, [Chunk(0, 0, [1] * tokens, is_last=True)], [0], DEVICE)
    decoded = tiles_of(tokens, [], [0] * tokens, DEVICE)
    assert torch.equal(
        apply(kernels, y, x, prompt, weights), apply(kernels, y, x, decoded, weights)
    )


def attention_inputs(
    places: list[int], group: int, kv_heads: int, dim: int, capacity: int, dtype: torch.dtype
) -> tuple[Tensor, ...]:
    """Arguments of `attend`; the cache has two more rows than there are `places`."""
    rows = len(places)
    qkv = torch.randn(rows, kv_heads * (group + 2), dim, device=DEVICE).to(dtype)
    cos, sin = torch.rand(2, rows, 1, dim, device=DEVICE).to(dtype)
    keys, values = torch.randn(2, rows + 2, kv_heads, capacity, dim, device=DEVICE).to(dtype)
    return qkv, cos, sin, keys, values, torch.tensor(places, device=DEVICE)


@FORMATS
@pytest.mark.parametrize(
    ("group", "dim", "places"),
    [(1, 16, [0, 1]), (3, 24, [0, 1298, 65]), (7, 64, [63, 64, 65]), (4, 128, [7, 600, 31])],
)
def test_attention_of_rows_with_pasts_of_any_length(
    kernels: TritonKernels, dtype: torch.dtype, group: int, dim: int, places: list[int]
) -> None:
    qkv, cos, sin, keys, values, at = attention_inputs(places, group, 2, dim, 1300, dtype)
    expected_keys, expected_values = keys.clone(), values.clone()
    expected = REFERENCE.attend(qkv, cos, sin, expected_keys, expected_values, at)
    assert_close(kernels.attend(qkv, cos, sin, keys, values, at), expected)
    assert_close(keys, expected_keys)
    assert torch.equal(values, expected_values)


def test_attention_in_a_part_of_a_larger_cache(kernels: TritonKernels) -> None:
    places = [3, 20]
    qkv, cos, sin, keys, values, at = attention_inputs(places, 2, 2, 32, 64, torch.float32)
    expected = REFERENCE.attend(qkv, cos, sin, keys.clone(), values.clone(), at)
    parts = keys[:, :, :21], values[:, :, :21]
    assert_close(kernels.attend(qkv, cos, sin, *parts, at), expected)


def test_attention_neither_reads_nor_writes_for_padding(kernels: TritonKernels) -> None:
    inputs = attention_inputs([5, -1, 9], 2, 2, 32, 64, torch.float32)
    qkv, cos, sin, keys, values, at = inputs
    keys[1], values[1] = float("nan"), float("nan")
    expected = REFERENCE.attend(qkv, cos, sin, keys.clone(), values.clone(), at)
    before = values.clone()
    found = kernels.attend(qkv, cos, sin, keys, values, at)
    assert_close(found[[0, 2]], expected[[0, 2]])
    assert values[1].isnan().all()
    assert torch.equal(values[3:], before[3:])


@FORMATS
def test_attention_gives_the_same_bits_alone_and_in_company(
    kernels: TritonKernels, dtype: torch.dtype
) -> None:
    qkv, cos, sin, keys, values, at = attention_inputs([200, 3, 90], 4, 2, 64, 256, dtype)
    found = kernels.attend(qkv, cos, sin, keys, values, at)
    for row in range(3):
        one = slice(row, row + 1)
        parts = (qkv[one], cos[one], sin[one], keys[one], values[one], at[one])
        assert torch.equal(kernels.attend(*parts)[0], found[row])


def test_a_model_gives_the_same_logits(tiny_model_folder: Path) -> None:
    """Prompts beside decoding rows, then a step of all; two rows share an adapter."""
    steps = [
        ([], [], [Chunk(0, 0, list(range(5, 25)), is_last=True)]),
        (
            [9],
            [20],
            [Chunk(row, 0, list(range(7, 10 + row)), is_last=True) for row in range(1, 4)],
        ),
        ([1, 2, 3, 4], [21, 4, 5, 6], []),
    ]
    found = []
    for kernels in (TritonKernels(DEVICE), TorchKernels()):
        base = load_base_model(
            tiny_model_folder, name="tiny", revision="r0", device=DEVICE, dtype=torch.float32
        )
        shapes = linear_shapes(base.model, LORA.targets)
        runner = FusedLlama(base.model, LORA, 4, base.context_length, kernels)
        adapters = [runner.pack(random_adapter(shapes, seed)) for seed in range(2)]
        for row, adapter in enumerate((adapters[0], None, adapters[1], adapters[0])):
            runner.bind(row, adapter)
        found.append([runner.run(*step) for step in steps])
    for ours, reference in zip(*found, strict=True):
        assert_close(ours, reference)
