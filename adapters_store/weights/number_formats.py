"""Numbers in the formats that arrays store, as float32, inside compiled loops.

NumPy has no bfloat16: arrays hold it as uint16, the upper half of a float32.
"""

from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from torch import Tensor


def array_of(tensor: Tensor) -> Any:
    """The same memory as a NumPy array; bfloat16 is seen as uint16."""
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.uint16)
    return tensor.detach().numpy()


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


def _from_bits(_context: Any, bits: Any) -> Any:
    """The float32 with these 32 bits."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


widened: Any = intrinsic(_widen)
narrowed: Any = intrinsic(_narrow)
_float_of_bits: Any = intrinsic(_from_bits)

_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)


@njit(error_model="numpy", inline="always")
def exponential(x: Any) -> Any:
    """e**x in float32, within 2 units in the last place; loops over it become vectors.

    The polynomial is that of Cephes' `expf` (Moshier, 1989). Below -87 the result is 0.
    """
    clipped = min(max(x, np.float32(-87)), np.float32(88))
    power = np.floor(clipped * _LOG2_E + np.float32(0.5))
    r = clipped - power * _LN2_HIGH - power * _LN2_LOW
    y = np.float32(1.9875691500e-4)
    y = y * r + np.float32(1.3981999507e-3)
    y = y * r + np.float32(8.3334519073e-3)
    y = y * r + np.float32(4.1665795894e-2)
    y = y * r + np.float32(1.6666665459e-1)
    y = y * r + np.float32(5.0000001201e-1)
    y = y * r * r + r + np.float32(1)
    scaled = y * _float_of_bits(np.int32((np.int32(power) + np.int32(127)) << np.int32(23)))
    return scaled if x > np.float32(-87) else np.float32(0)
