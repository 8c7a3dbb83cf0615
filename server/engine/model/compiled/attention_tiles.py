"""The innermost loops of attention: one query against eight keys, eight values into one sum.

Heads have a multiple of 8 numbers. Keys and values are float32, or bfloat16 seen as uint16.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from adapters_store.weights.vector_code import FLOAT, INT, LANES, Code

LANES_OF_HEAD = min(LANES, 8)
"""A head's size must be a multiple of this."""


def _loader(code: Code, stored: Any) -> Any:
    """Loads a vector of keys or values as float32."""
    if stored == types.uint16:
        return code.load_bfloat16
    return lambda address: code.load(address, code.floats)


def _size(stored: Any) -> int:
    return 2 if stored == types.uint16 else 4


def _scores(count: int) -> Any:
    """`scores(like, query, keys, stride, dim, out)`: dot products of a query with `count` keys.

    `like` is an array of the keys' dtype; the others are addresses and sizes: the next key lies
    `stride` bytes on, and `out` gets `count` float32.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, query, keys, stride, dim, out = arguments
        stored = signature.args[0].dtype
        code = Code(builder, out.type, LANES_OF_HEAD)
        load = _loader(code, stored)
        each = [code.at(keys, code.times(stride, i)) for i in range(count)]

        def add(index: Any, sums: list[Any]) -> list[Any]:
            numbers = code.load(code.at(query, code.times(index, 4)), code.floats)
            place = code.times(index, _size(stored))
            return [
                code.multiply_add(numbers, load(code.at(key, place)), total)
                for key, total in zip(each, sums, strict=True)
            ]

        zeros = [ir.Constant(code.floats, [0.0] * code.lanes)] * count
        for i, total in enumerate(code.loop(dim, code.lanes, zeros, add)):
            code.store(_sum(code, total), code.at(out, i * 4))
        return context.get_dummy_value()

    def scores(
        _context: Any, like: Any, query: Any, keys: Any, stride: Any, dim: Any, out: Any
    ) -> Any:
        return types.void(like, *[types.intp] * 5), generate

    return intrinsic(scores)


def _sum(code: Code, vector: Any) -> Any:
    """The sum over the lanes, by halves."""
    builder, lanes = code.builder, code.lanes
    while lanes > 1:
        lanes //= 2
        parts = [
            builder.shuffle_vector(
                vector, vector, ir.Constant(ir.VectorType(INT, lanes), list(range(i, i + lanes)))
            )
            for i in (0, lanes)
        ]
        vector = builder.fadd(*parts)
    return builder.extract_element(vector, ir.Constant(INT, 0))


def _mix(count: int) -> Any:
    """`mix(like, weights, values, stride, dim, sums)`: adds `count` values times their weights.

    `like` is an array of the values' dtype; the others are addresses and sizes: `count` float32
    `weights`, the next value `stride` bytes on, `sums` of `dim` float32.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, weights, values, stride, dim, sums = arguments
        stored = signature.args[0].dtype
        code = Code(builder, sums.type, LANES_OF_HEAD)
        load = _loader(code, stored)
        shares = [code.splat(code.load(code.at(weights, i * 4), FLOAT)) for i in range(count)]
        each = [code.at(values, code.times(stride, i)) for i in range(count)]

        def add(index: Any, _none: list[Any]) -> list[Any]:
            place = code.at(sums, code.times(index, 4))
            total = code.load(place, code.floats)
            for share, value in zip(shares, each, strict=True):
                number = load(code.at(value, code.times(index, _size(stored))))
                total = code.multiply_add(share, number, total)
            code.store(total, place)
            return []

        code.loop(dim, code.lanes, [], add)
        return context.get_dummy_value()

    def mix(
        _context: Any, like: Any, weights: Any, values: Any, stride: Any, dim: Any, sums: Any
    ) -> Any:
        return types.void(like, *[types.intp] * 5), generate

    return intrinsic(mix)


scores_1, scores_8 = _scores(1), _scores(8)
mix_1, mix_8 = _mix(1), _mix(8)
