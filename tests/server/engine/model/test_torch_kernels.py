"""PyTorch's kernels against the formulas, token by token: they are the reference for Triton's."""

import pytest
import torch
from torch import Tensor

from server.engine.model.kernels import LowRank, blocks_of, rotate
from server.engine.model.runner import Chunk
from server.engine.model.token_tiles import NO_SLOT, TILE, tiles_of
from server.engine.model.torch_kernels import TorchKernels

CPU = torch.device("cpu")
KERNELS = TorchKernels()
FORMATS = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def assert_close(found: Tensor, expected: Tensor) -> None:
    """bfloat16 has eight bits, and is rounded in between."""
    bound = 1e-5 if found.dtype == torch.float32 else 3e-2
    torch.testing.assert_close(found.float(), expected, atol=bound, rtol=bound)


@FORMATS
def test_every_token_is_multiplied_by_its_own_adapter(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    slots, rank, inputs, columns = 3, 5, 20, [slice(0, 12), slice(15, 22)]
    weights = LowRank(
        torch.randn(slots, 2 * rank, inputs).bfloat16(),
        torch.randn(slots, 19, rank).bfloat16() / 10,
        columns,
        blocks_of(columns, CPU),
    )
    chunks = [Chunk(2, 0, [1] * (TILE + 2), is_last=True), Chunk(3, 4, [1], is_last=False)]
    tiles = tiles_of(2, chunks, [1, NO_SLOT, 0, 2], CPU)
    of_tokens = [1, NO_SLOT, *[0] * (TILE + 2), 2]
    x = torch.randn(len(of_tokens), inputs).to(dtype) / 10
    y = torch.randn(len(of_tokens), 24).to(dtype)
    expected = y.float()
    for token, slot in enumerate(of_tokens):
        if slot != NO_SLOT:
            low = torch.split(weights.a[slot].float() @ x[token].float(), rank)
            large = torch.split(weights.b[slot].float(), [12, 7])
            for linear, place in enumerate(columns):
                expected[token, place] += large[linear] @ low[linear]
    KERNELS.expand(y, KERNELS.shrink(x, tiles, weights), tiles, weights)
    assert_close(y, expected)


def test_an_adapter_without_finite_numbers_spoils_no_other_row() -> None:
    columns = [slice(0, 8)]
    a, b = torch.ones(2, 4, 8).bfloat16(), torch.ones(2, 8, 4).bfloat16()
    a[1], b[1] = float("nan"), float("inf")
    tiles = tiles_of(1, [Chunk(1, 0, [1, 1], is_last=True)], [1, 0], CPU)
    y, x = torch.zeros(3, 8), torch.ones(3, 8)
    weights = LowRank(a, b, columns, blocks_of(columns, CPU))
    KERNELS.expand(y, KERNELS.shrink(x, tiles, weights), tiles, weights)
    assert y[1:].eq(32).all()


@FORMATS
def test_a_new_token_sees_itself_and_what_its_row_holds(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    rows, group, kv_heads, dim, capacity = 3, 3, 2, 16, 40
    qkv = torch.randn(rows, kv_heads * (group + 2), dim).to(dtype)
    cos, sin = torch.rand(2, rows, 1, dim).to(dtype)
    keys, values = torch.randn(2, rows + 1, kv_heads, capacity, dim).to(dtype)
    places = torch.tensor([0, 38, 7])
    found = KERNELS.attend(qkv, cos, sin, keys, values, places).view(rows, -1, dim)
    heads = rotate(qkv.float(), cos.float(), sin.float())
    for row, place in enumerate(places.tolist()):
        for head in range(kv_heads):
            own_key = kv_heads * group + head
            assert_close(keys[row, head, place], heads[row, own_key])
            assert_close(values[row, head, place], qkv[row, own_key + kv_heads].float())
            past = keys[row, head, : place + 1].float(), values[row, head, : place + 1].float()
            for query in range(head * group, (head + 1) * group):
                scores = past[0] @ heads[row, query] / dim**0.5
                assert_close(found[row, query], scores.softmax(dim=0) @ past[1])


def test_blocks_cover_every_column_of_every_linear_once() -> None:
    columns = [slice(0, 300), slice(340, 350)]
    blocks = blocks_of(columns, CPU).tolist()
    assert blocks == [[0, 128, 0, 0], [128, 256, 128, 0], [256, 300, 256, 0], [340, 350, 300, 1]]
