"""Low-rank products of many adapters in two Triton kernels: `shrink`, then `expand`.

The sum over inputs is cut into the same parts for any number of tokens, and they are added in one
order. So a token's result does not depend on the others in its step.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from server.engine.model.kernels import BLOCK, LowRank
from server.engine.model.token_tiles import TILE, TokenTiles

MAX_SPLITS = 16
"""Most parts of the sum over inputs: one token alone should keep many processors busy."""
INPUTS = 128
"""Inputs that a program multiplies at once."""
LEAST_BLOCK = 16
MAX_WIDTH = 64
"""Most outputs of A, or most ranks, that a program handles at once."""


def shrink(x: Tensor, tiles: TokenTiles, weights: LowRank, low: Tensor) -> None:
    """A x, in parts of the sum: `x` is [tokens, in], `low` [tokens, splits, linears * rank]."""
    _, splits, width = low.shape
    inputs = x.shape[1]
    block = min(MAX_WIDTH, least_block(width))
    _shrink[(len(tiles.slots), splits, triton.cdiv(width, block))](
        x,
        tiles.bounds,
        tiles.slots,
        weights.a,
        low,
        INPUT_COUNT=inputs,
        WIDTH=width,
        SPLITS=splits,
        STEPS=triton.cdiv(inputs, splits * INPUTS),
        TILE=TILE,
        INPUTS=INPUTS,
        BLOCK=block,
        OPERAND=operand_type(x),
    )


def expand(y: Tensor, low: Tensor, tiles: TokenTiles, weights: LowRank) -> None:
    """y += B low, in place: `y` is [tokens, out], `low` from `shrink`."""
    _, splits, width = low.shape
    _, outputs, rank = weights.b.shape
    _expand[(len(tiles.slots), len(weights.blocks))](
        y,
        low,
        tiles.bounds,
        tiles.slots,
        weights.b,
        weights.blocks,
        COLUMNS=y.shape[1],
        OUTPUTS=outputs,
        WIDTH=width,
        RANK=rank,
        SPLITS=splits,
        TILE=TILE,
        BLOCK=BLOCK,
        RANKS=min(MAX_WIDTH, least_block(rank)),
        OPERAND=operand_type(y),
    )


def empty_low(x: Tensor, weights: LowRank) -> Tensor:
    """Memory for what `shrink` computes of `x` [tokens, in], float32."""
    tokens, inputs = x.shape
    splits = min(MAX_SPLITS, triton.cdiv(inputs, INPUTS))
    return torch.empty(tokens, splits, weights.a.shape[1], dtype=torch.float32, device=x.device)


def least_block(size: int) -> int:
    """The least block of a matrix that holds `size` and that Triton multiplies."""
    return max(LEAST_BLOCK, int(triton.next_power_of_2(size)))


def operand_type(activations: Tensor) -> Any:
    """What kernels multiply in: the activations' type, except in the interpreter on a CPU.

    It cannot calculate with bfloat16. The sums are float32 in any case.
    """
    is_half = activations.is_cuda and activations.dtype == torch.bfloat16
    return tl.bfloat16 if is_half else tl.float32


def _shrink_tile(
    x: "Any",
    bounds: "Any",
    slots: "Any",
    a: "Any",
    low: "Any",
    INPUT_COUNT: tl.constexpr,
    WIDTH: tl.constexpr,
    SPLITS: tl.constexpr,
    STEPS: tl.constexpr,
    TILE: tl.constexpr,
    INPUTS: tl.constexpr,
    BLOCK: tl.constexpr,
    OPERAND: tl.constexpr,
) -> None:
    tile, split, block = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    slot = tl.load(slots + tile)
    if slot < 0:
        return
    tokens = tl.load(bounds + tile) + tl.arange(0, TILE)
    is_token = (tokens < tl.load(bounds + tile + 1))[:, None]
    columns = block * BLOCK + tl.arange(0, BLOCK)
    is_column = (columns < WIDTH)[:, None]
    total = tl.zeros((TILE, BLOCK), tl.float32)
    for step in range(STEPS):
        inputs = (split * STEPS + step) * INPUTS + tl.arange(0, INPUTS)
        is_input = (inputs < INPUT_COUNT)[None, :]
        numbers = tl.load(
            x + tokens[:, None] * INPUT_COUNT + inputs[None, :], is_token & is_input, 0.0
        ).to(OPERAND)
        weights = tl.load(
            a + (slot * WIDTH + columns[:, None]) * INPUT_COUNT + inputs[None, :],
            is_column & is_input,
            0.0,
        ).to(OPERAND)
        total = tl.dot(numbers, tl.trans(weights), total, input_precision="ieee")
    place = (tokens[:, None] * SPLITS + split) * WIDTH + columns[None, :]
    tl.store(low + place, total, is_token & (columns < WIDTH)[None, :])


def _expand_tile(
    y: "Any",
    low: "Any",
    bounds: "Any",
    slots: "Any",
    b: "Any",
    blocks: "Any",
    COLUMNS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    WIDTH: tl.constexpr,
    RANK: tl.constexpr,
    SPLITS: tl.constexpr,
    TILE: tl.constexpr,
    BLOCK: tl.constexpr,
    RANKS: tl.constexpr,
    OPERAND: tl.constexpr,
) -> None:
    tile, block = tl.program_id(0), tl.program_id(1)
    slot = tl.load(slots + tile)
    if slot < 0:
        return
    first, end = tl.load(blocks + block * 4), tl.load(blocks + block * 4 + 1)
    output, linear = tl.load(blocks + block * 4 + 2), tl.load(blocks + block * 4 + 3)
    tokens = tl.load(bounds + tile) + tl.arange(0, TILE)
    is_token = (tokens < tl.load(bounds + tile + 1))[:, None]
    columns = first + tl.arange(0, BLOCK)
    outputs = slot * OUTPUTS + output + tl.arange(0, BLOCK)
    places = y + tokens[:, None] * COLUMNS + columns[None, :]
    is_place = is_token & (columns < end)[None, :]
    before = tl.load(places, is_place, 0.0)
    added = tl.zeros((TILE, BLOCK), tl.float32)
    for start in tl.static_range(0, RANK, RANKS):
        ranks = start + tl.arange(0, RANKS)
        is_rank = (ranks < RANK)[None, :]
        weights = tl.load(
            b + outputs[:, None] * RANK + ranks[None, :], (columns < end)[:, None] & is_rank, 0.0
        ).to(OPERAND)
        numbers = tl.zeros((TILE, RANKS), tl.float32)
        for split in tl.static_range(SPLITS):
            part = (tokens[:, None] * SPLITS + split) * WIDTH + linear * RANK + ranks[None, :]
            numbers += tl.load(low + part, is_token & is_rank, 0.0)
        added = tl.dot(numbers.to(OPERAND), tl.trans(weights), added, input_precision="ieee")
    tl.store(places, (before.to(tl.float32) + added).to(before.dtype), is_place)


# The addresses of these two vary with the number of rows; no other version is worth compiling.
_unaligned = ["bounds", "slots"]
_shrink: Any = triton.jit(_shrink_tile, do_not_specialize_on_alignment=_unaligned)
_expand: Any = triton.jit(_expand_tile, do_not_specialize_on_alignment=_unaligned)
