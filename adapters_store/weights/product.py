"""Products with packed weights on a CPU, for any number of tokens: [tokens, in] to [tokens, out].

One pass over the weights serves all tokens: a block of outputs stays in the processor's cache while
every token is multiplied with it. Every output's bits depend on its own token alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from numba import njit, prange, set_num_threads, types
from numba.extending import intrinsic
from torch import Tensor

from adapters_store.weights.compiled_cache import keep_compiled
from adapters_store.weights.number_formats import array_of
from adapters_store.weights.packed_weight import PackedWeight
from adapters_store.weights.tiles import (
    BLOCK,
    CACHE_LINE,
    FLOAT_RUN,
    GROUP,
    INT8_RUN,
    MOST_TOKENS,
    RANKS,
    expand_1,
    expand_4,
    shrink_1,
    shrink_4,
    tile_1,
    tile_2,
    tile_3,
    tile_4,
)

keep_compiled(Path(__file__).parent)
_config: Any = numba.config
_config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]
# Numba's first start changes OpenMP's number of threads, which is torch's too: it is set back.
_threads = torch.get_num_threads()
set_num_threads(min(_threads, _config.NUMBA_NUM_THREADS))
torch.set_num_threads(_threads)
_in_parallel = njit(parallel=True, error_model="numpy", cache=True, nogil=True)
_LARGEST = np.float32(32767)

WEIGHTS, SCALES, COLUMN, WIDTH, LINEAR = range(5)
"""Columns of a table of blocks: two addresses, the outputs that a block writes, its linear."""


def block_table(weights: Sequence[PackedWeight]) -> Any:
    """The blocks of linears with a common input, side by side: int64 [blocks, 5].

    It holds addresses, so the weights must outlive it.
    """
    parts, column = [], 0
    for linear, weight in enumerate(weights):
        values, scales = weight.values, weight.scales
        blocks = np.arange(len(values))
        part = np.zeros((len(blocks), 5), np.int64)
        part[:, WEIGHTS] = values.data_ptr() + blocks * values[0].nbytes
        if scales.numel():
            part[:, SCALES] = scales.data_ptr() + blocks * scales[0].nbytes
        part[:, COLUMN] = column + blocks * BLOCK
        part[:, WIDTH] = np.minimum(BLOCK, weight.out_features - blocks * BLOCK)
        part[:, LINEAR] = linear
        parts.append(part)
        column += weight.out_features
    return np.concatenate(parts)


def dtype_marker(weight: PackedWeight) -> Any:
    """An empty array of the stored dtype; its type chooses the compiled loop."""
    return array_of(weight.values.new_empty(0))


def use_threads() -> None:
    """Let the calling thread's products use as many threads as torch does."""
    set_num_threads(min(torch.get_num_threads(), _config.NUMBA_NUM_THREADS))


def product(x: Tensor, weight: PackedWeight, bias: Tensor | None = None) -> Tensor:
    """x W' + bias: float32 [tokens, in] to float32 [tokens, out]."""
    use_threads()
    tokens, inputs = x.shape
    width = weight.padded_inputs
    padded = x if width == inputs else torch.nn.functional.pad(x, (0, width - inputs))
    y = torch.empty(tokens, weight.out_features)
    bias = torch.zeros(weight.out_features) if bias is None else bias.float()
    _product(
        dtype_marker(weight),
        block_table([weight]),
        array_of(padded.contiguous()),
        array_of(bias),
        array_of(y),
    )
    return y


def _is_quantised(_context: Any, like: Any) -> Any:
    """Whether weights of this dtype take quantised inputs; known when the loop is compiled."""

    def generate(context: Any, _builder: Any, _signature: Any, _arguments: Any) -> Any:
        return context.get_constant(types.boolean, like.dtype == types.int8)

    return types.boolean(like), generate


is_quantised: Any = intrinsic(_is_quantised)


@njit(error_model="numpy", cache=True, nogil=True)
def _product(like: Any, table: Any, x: Any, bias: Any, y: Any) -> None:
    tokens, inputs = x.shape
    quantised, input_scales = inputs_for(like, tokens, inputs)
    if is_quantised(like):
        quantise(x, quantised, input_scales)
    nothing = np.empty((tokens, 0), np.float32)
    adapters = np.zeros(tokens, np.int64)
    multiply(
        like, table, x, quantised, input_scales, bias, nothing, adapters, 0, y, False, np.float32(1)
    )


@njit(error_model="numpy", inline="always")
def inputs_for(like: Any, tokens: int, inputs: int) -> Any:
    """Empty arrays for quantised inputs and their scales."""
    shape: Any = (tokens, inputs) if is_quantised(like) else (0, 0)
    return np.empty(shape, np.int16), np.empty((shape[0], shape[1] // GROUP), np.float32)


@_in_parallel
def quantise(x: Any, quantised: Any, scales: Any) -> None:
    """Round float32 [tokens, in] to int16, with a scale for each group of 64 inputs."""
    groups = scales.shape[1]
    for job in prange(len(x) * groups):
        token, group = job // groups, job % groups
        numbers = x[token, group * GROUP : (group + 1) * GROUP]
        rounded = quantised[token, group * GROUP : (group + 1) * GROUP]
        scales[token, group] = quantise_group(numbers, rounded)


@njit(error_model="numpy", inline="always")
def quantise_group(numbers: Any, rounded: Any) -> Any:
    """Round one group to int16; return its scale."""
    largest = np.float32(0)
    for i in range(GROUP):
        largest = max(largest, abs(numbers[i]))
    factor = _LARGEST / largest if largest > 0 else np.float32(0)
    for i in range(GROUP):
        rounded[i] = np.int16(np.rint(numbers[i] * factor))
    return largest / _LARGEST


@_in_parallel
def shrink(x: Any, adapters: Any, low: Any) -> None:
    """Each token's inputs times its adapter's A: [tokens, in] to [tokens, linears * rank].

    `adapters` int64 [tokens] are addresses of bfloat16 [linears * rank / 8, in, 8], 0 for none.
    """
    tokens, inputs = x.shape
    parts = low.shape[1] // RANKS
    stride, low_stride = inputs * 4, low.shape[1] * 4
    quads = (tokens + 3) // 4
    for job in prange(quads * parts):
        quad, part = job // parts, job % parts
        first, end = quad * 4, min(quad * 4 + 4, tokens)
        own = adapters[first]
        offset = part * inputs * RANKS * 2
        if end == first + 4 and own and (adapters[first:end] == own).all():
            shrink_4(
                own + offset,
                x[first].ctypes.data,
                stride,
                inputs,
                low[first, part * RANKS :].ctypes.data,
                low_stride,
            )
        else:
            for token in range(first, end):
                if adapters[token]:
                    shrink_1(
                        adapters[token] + offset,
                        x[token].ctypes.data,
                        stride,
                        inputs,
                        low[token, part * RANKS :].ctypes.data,
                        low_stride,
                    )


@njit(error_model="numpy")
def _ahead(like: Any, weights: Any, inputs: Any, tokens: Any, first: Any) -> Any:
    """Which lines of the next block to fetch while the tile at token `first` is multiplied.

    Processors fetch ahead within a page only. With many tokens each of the first four tiles fetches
    a quarter, so that memory is read while others multiply.
    """
    following = weights + inputs * BLOCK * like.itemsize
    if tokens <= 3 * MOST_TOKENS:
        return (following, CACHE_LINE) if first == 0 else (weights, 0)
    run = INT8_RUN if is_quantised(like) else FLOAT_RUN * like.itemsize
    return following + first // MOST_TOKENS % 4 * run // 4, CACHE_LINE // 4


@njit(error_model="numpy")
def _tile(
    like: Any,
    weights: Any,
    scales: Any,
    x: Any,
    quantised: Any,
    input_scales: Any,
    first: Any,
    count: Any,
    sums: Any,
) -> None:
    inputs = x.shape[1]
    ahead, between = _ahead(like, weights, inputs, len(x), first)
    address, stride, out = x[first].ctypes.data, inputs * 4, sums.ctypes.data
    rounded, rounded_scales = address, address
    if is_quantised(like):
        rounded, rounded_scales = quantised[first].ctypes.data, input_scales[first].ctypes.data
    read = (weights, scales, ahead, between, address, stride, rounded, rounded_scales)
    if count == 4:
        tile_4(like, *read, inputs, out)
    elif count == 3:
        tile_3(like, *read, inputs, out)
    elif count == 2:
        tile_2(like, *read, inputs, out)
    else:
        tile_1(like, *read, inputs, out)


@njit(error_model="numpy")
def _expand(
    job: Any,
    adapters: Any,
    low: Any,
    rank: Any,
    start: Any,
    first: Any,
    count: Any,
    sums: Any,
) -> None:
    size, stride = rank * BLOCK * 2, low.shape[1] * 4
    own = adapters[first]
    if count == 4 and own and (adapters[first : first + 4] == own).all():
        b, numbers = own + job * size, low[first, start:].ctypes.data
        expand_4(b, b + size, numbers, stride, rank, sums.ctypes.data)
        return
    for i in range(count):
        own = adapters[first + i]
        if own:
            b, numbers = own + job * size, low[first + i, start:].ctypes.data
            expand_1(b, b + size, numbers, stride, rank, sums[i].ctypes.data)


@_in_parallel
def multiply(
    like: Any,
    table: Any,
    x: Any,
    quantised: Any,
    input_scales: Any,
    bias: Any,
    low: Any,
    adapters: Any,
    rank: int,
    y: Any,
    is_added: bool,
    factor: Any,
) -> None:
    """y = x W' + low B + bias, or if `is_added` y += factor times that; `y` is [tokens, out].

    `adapters` int64 [tokens] are addresses of each token's B in bfloat16, 0 for none: for every
    block of the table [rank, 16]. A block of the l-th linear takes ranks l * rank … of `low`.
    """
    tokens = len(x)
    for job in prange(len(table)):
        weights, scales = table[job, WEIGHTS], table[job, SCALES]
        column, width = table[job, COLUMN], table[job, WIDTH]
        sums = np.empty((MOST_TOKENS, BLOCK), np.float32)
        for first in range(0, tokens, MOST_TOKENS):
            count = min(MOST_TOKENS, tokens - first)
            _tile(like, weights, scales, x, quantised, input_scales, first, count, sums)
            if rank:
                _expand(job, adapters, low, rank, table[job, LINEAR] * rank, first, count, sums)
            for i in range(count):
                out = y[first + i, column : column + width]
                for j in range(width):
                    number = sums[i, j] + bias[column + j]
                    out[j] = out[j] + factor * number if is_added else number
