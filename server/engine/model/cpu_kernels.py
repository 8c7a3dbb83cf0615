"""`Kernels` for a CPU: compiled loops over rows.

PyTorch runs each operation as several small ones, and low-rank products at a fifth of the memory's
speed. Here each is one pass over its operands, in the format that they are stored in.
"""

from typing import Any

import numba
import numpy as np
import torch
from llvmlite import ir
from numba import njit, prange, set_num_threads, types
from numba.extending import intrinsic
from torch import Tensor

from server.engine.model.kernels import LowRank
from server.engine.model.token_rows import TokenRows

_config: Any = numba.config
_config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]
_compiled = njit(parallel=True, fastmath=True, error_model="numpy", cache=True, nogil=True)


class CpuKernels:
    """See `Kernels`."""

    def begin_step(self) -> None:
        """See `Kernels.begin_step`."""
        set_num_threads(min(torch.get_num_threads(), _config.NUMBA_NUM_THREADS))

    def rms_norm(self, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        """See `Kernels.rms_norm`."""
        y = torch.empty_like(x)
        _rms_norm(_array(x), _array(weight), np.float32(epsilon), _array(y))
        return y

    def attend(
        self, qkv: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, lengths: Tensor
    ) -> Tensor:
        """See `Kernels.attend`."""
        rows, heads, dim = qkv.shape
        mixed = qkv.new_empty(rows, heads - 2 * keys.shape[1], dim)
        _attend(*map(_array, (qkv, cos[:, 0], sin[:, 0], keys, values, lengths, mixed)))
        return mixed.view(rows, -1)

    def operand(self, tensor: Tensor) -> Any:
        """See `Kernels.operand`."""
        return _array(tensor)

    def add_low_rank(
        self, y: Tensor, x: Tensor, rows: TokenRows, weights: LowRank, scaling: float
    ) -> None:
        """See `Kernels.add_low_rank`."""
        _add_low_rank(_array(y), _array(x), _array(rows.of_tokens), *weights, np.float32(scaling))


def _array(tensor: Tensor) -> Any:
    """The same memory as a NumPy array; NumPy has no bfloat16, so it is seen as uint16."""
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.uint16)
    return tensor.numpy()


def _widen(_context: Any, stored: Any) -> Any:
    """A stored number as float32; bfloat16 is the upper half of one."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        if stored == types.float32:
            return arguments[0]
        bits = builder.zext(arguments[0], ir.IntType(32))
        return builder.bitcast(builder.shl(bits, ir.Constant(ir.IntType(32), 16)), ir.FloatType())

    return types.float32(stored), generate


def _narrow(_context: Any, number: Any, like: Any) -> Any:
    """A float32 in the format of `like`, rounded to the nearest, ties to even."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        if like == types.float32:
            return arguments[0]
        word = ir.IntType(32)
        bits = builder.bitcast(arguments[0], word)
        is_odd = builder.and_(builder.lshr(bits, ir.Constant(word, 16)), ir.Constant(word, 1))
        rounding = builder.add(is_odd, ir.Constant(word, 0x7FFF))
        rounded = builder.lshr(builder.add(bits, rounding), ir.Constant(word, 16))
        return builder.trunc(rounded, ir.IntType(16))

    return like(number, like), generate


_widened: Any = intrinsic(_widen)
_narrowed: Any = intrinsic(_narrow)


@_compiled
def _rms_norm(x: Any, weight: Any, epsilon: Any, y: Any) -> None:
    for token in prange(len(x)):
        numbers, normed = x[token], y[token]
        total = np.float32(0)
        for i in range(len(numbers)):
            total += _widened(numbers[i]) ** 2
        scale = np.float32(1) / np.sqrt(total / np.float32(len(numbers)) + epsilon)
        for i in range(len(numbers)):
            number = _widened(numbers[i]) * scale * _widened(weight[i])
            normed[i] = _narrowed(number, normed[i])


@_compiled
def _attend(qkv: Any, cos: Any, sin: Any, keys: Any, values: Any, lengths: Any, mixed: Any) -> None:
    rows, _, dim = qkv.shape
    kv_heads, heads = keys.shape[1], mixed.shape[1]
    group = heads // kv_heads
    for job in prange(rows * kv_heads):
        row, kv_head = job // kv_heads, job % kv_heads
        now = lengths[row]
        key, value = keys[row, kv_head, now], values[row, kv_head, now]
        for i in range(dim):
            key[i] = _narrowed(_rotated(qkv[row, heads + kv_head], cos[row], sin[row], i), key[i])
            value[i] = qkv[row, heads + kv_heads + kv_head, i]
        queries = np.empty((group, dim), np.float32)
        scores = np.empty((group, now + 1), np.float32)
        for head in range(group):
            query = qkv[row, kv_head * group + head]
            for i in range(dim):
                queries[head, i] = _rotated(query, cos[row], sin[row], i) / np.sqrt(np.float32(dim))
        for position in range(now + 1):
            key = keys[row, kv_head, position]
            for head in range(group):
                query_head = queries[head]
                score = np.float32(0)
                for i in range(dim):
                    score += query_head[i] * _widened(key[i])
                scores[head, position] = score
        for head in range(group):
            highest = scores[head].max()
            total = np.float32(0)
            for position in range(now + 1):
                weight = np.exp(scores[head, position] - highest)
                scores[head, position] = weight
                total += weight
            queries[head] = 0
            for position in range(now + 1):
                scores[head, position] /= total
        # The queries are no longer needed: their memory takes the mixed values.
        for position in range(now + 1):
            value = values[row, kv_head, position]
            for head in range(group):
                weight, sums = scores[head, position], queries[head]
                for i in range(dim):
                    sums[i] += weight * _widened(value[i])
        for head in range(group):
            out = mixed[row, kv_head * group + head]
            for i in range(dim):
                out[i] = _narrowed(queries[head, i], out[i])


@njit(fastmath=True, inline="always")
def _rotated(numbers: Any, cos: Any, sin: Any, i: Any) -> Any:
    """One number after the rotary embedding; `sin` carries the sign of the first half."""
    dim = len(numbers)
    other = i - dim // 2 if i >= dim // 2 else i + dim // 2
    return _widened(numbers[i]) * _widened(cos[i]) + _widened(numbers[other]) * _widened(sin[i])


@_compiled
def _add_low_rank(y: Any, x: Any, rows: Any, a: Any, b: Any, sources: Any, scaling: Any) -> None:
    # Four ranks at once: x and the sums are read once for all four.
    blocks, rank, size = b.shape[1:]
    for token in prange(len(y)):
        row, numbers = rows[token], x[token]
        low = np.empty(a.shape[1], np.float32)
        for j in range(0, len(low), 4):
            a0, a1, a2, a3 = a[row, j], a[row, j + 1], a[row, j + 2], a[row, j + 3]
            s0, s1, s2, s3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for i in range(len(numbers)):
                number = _widened(numbers[i])
                s0 += _widened(a0[i]) * number
                s1 += _widened(a1[i]) * number
                s2 += _widened(a2[i]) * number
                s3 += _widened(a3[i]) * number
            low[j], low[j + 1], low[j + 2], low[j + 3] = s0, s1, s2, s3
        sums = np.empty(size, np.float32)
        for block in range(blocks):
            part = b[row, block]
            shrunk = low[sources[block] * rank :]
            sums[:] = 0
            for j in range(0, rank, 4):
                b0, b1, b2, b3 = part[j], part[j + 1], part[j + 2], part[j + 3]
                l0, l1, l2, l3 = shrunk[j], shrunk[j + 1], shrunk[j + 2], shrunk[j + 3]
                for i in range(size):
                    first = l0 * _widened(b0[i]) + l1 * _widened(b1[i])
                    sums[i] += first + l2 * _widened(b2[i]) + l3 * _widened(b3[i])
            out = y[token, block * size : (block + 1) * size]
            for i in range(size):
                out[i] = _narrowed(_widened(out[i]) + scaling * sums[i], out[i])
