"""The innermost loops of a product with packed weights, written in LLVM's vector instructions.

A tile multiplies one block of 16 outputs with one to four tokens. Each output is summed in one
fixed order, whatever the number of tokens, so a reply has the same bits alone and in company.

- int8 weights and int16 inputs are multiplied in pairs and summed as whole numbers within a group
  of 64 inputs. No sum overflows: 64 * 127 * 32767 < 2**31. The groups' sums are scaled and added in
  float32, in order.
- bfloat16 and float32 weights are multiplied with float32 inputs, one input after the other, by
  fused multiply-add.

Compilers do not find these loops by themselves: they sum across lanes, and read weights twice.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from adapters_store.weights.vector_code import BYTE, FLOAT, INT, LANES, SHORT, Code

BLOCK = 16
"""Outputs of a block."""
GROUP = 64
"""Inputs that share a scale."""
INT8_RUN = GROUP * BLOCK
"""Bytes of weights that a tile reads between two prefetches of as much."""
FLOAT_RUN = 4 * BLOCK
"""The same for others, in numbers."""
CACHE_LINE = 64
"""Bytes that a processor fetches at once."""
MOST_TOKENS = 4
"""Tokens of a tile: their sums still fit into 16 vector registers."""

_INPUTS_AT_ONCE = FLOAT_RUN // BLOCK

_VECTORS = BLOCK // LANES


def _int8_sums(code: Code, tokens: int, at: Any, num_inputs: Any) -> list[Any]:
    builder = code.builder
    pairs = ir.VectorType(SHORT, 2 * LANES)
    groups = builder.sdiv(num_inputs, code.number(GROUP))

    def add_group(group: Any, totals: list[Any]) -> list[Any]:
        place_of_group = code.times(group, INT8_RUN)
        _prefetch(code, at, place_of_group, INT8_RUN)
        weights = code.at(at.weights, place_of_group)
        inputs = [code.at(each, code.times(group, GROUP * 2)) for each in at.quantised]

        def add_pair(pair: Any, sums: list[Any]) -> list[Any]:
            # One pair at a time: of more, the compiler adds the products first, and then it has too
            # few registers.
            place = code.at(weights, code.times(pair, 2 * BLOCK))
            stored = [
                code.load(code.at(place, v * 2 * LANES), ir.VectorType(BYTE, 2 * LANES))
                for v in range(_VECTORS)
            ]
            wide = [builder.sext(each, pairs) for each in stored]
            for token in range(tokens):
                both = code.load(code.at(inputs[token], code.times(pair, 4)), INT)
                repeated = builder.bitcast(code.splat(both), pairs)
                for v in range(_VECTORS):
                    place_of_sum = token * _VECTORS + v
                    product = code.pair_products(wide[v], repeated)
                    sums[place_of_sum] = builder.add(sums[place_of_sum], product)
            return sums

        zeros = [ir.Constant(code.ints, [0] * LANES)] * (tokens * _VECTORS)
        sums = code.loop(code.number(GROUP // 2), 1, zeros, add_pair)
        for v in range(_VECTORS):
            scales = code.at(at.scales, code.times(group, 4 * BLOCK), v * 4 * LANES)
            scale = code.load(scales, code.floats)
            for token in range(tokens):
                own = code.splat(
                    code.load(code.at(at.input_scales[token], code.times(group, 4)), FLOAT)
                )
                place = token * _VECTORS + v
                whole = builder.sitofp(sums[place], code.floats)
                totals[place] = code.multiply_add(whole, builder.fmul(scale, own), totals[place])
        return totals

    zeros = [ir.Constant(code.floats, [0.0] * LANES)] * (tokens * _VECTORS)
    return code.loop(groups, 1, zeros, add_group)


def _float_sums(
    code: Code, tokens: int, at: Any, num_inputs: Any, size: int, first: list[Any]
) -> list[Any]:
    """`first`, and on top the products with weights of `size` bytes."""

    def load(address: Any) -> Any:
        return code.load_bfloat16(address) if size == 2 else code.load(address, code.floats)

    def add_inputs(index: Any, sums: list[Any]) -> list[Any]:
        _prefetch(code, at, code.times(index, size * BLOCK), size * FLOAT_RUN)
        for i in range(_INPUTS_AT_ONCE):
            place = code.at(at.weights, code.times(index, size * BLOCK), i * size * BLOCK)
            weights = [load(code.at(place, v * size * LANES)) for v in range(_VECTORS)]
            for token in range(tokens):
                one = code.load(code.at(at.inputs[token], code.times(index, 4), i * 4), FLOAT)
                repeated = code.splat(one)
                for v in range(_VECTORS):
                    j = token * _VECTORS + v
                    sums[j] = code.multiply_add(weights[v], repeated, sums[j])
        return sums

    return code.loop(num_inputs, _INPUTS_AT_ONCE, first, add_inputs)


def _prefetch(code: Code, at: Any, offset: Any, size: int) -> None:
    """Fetch of the next block what the tile reads of its own at `offset`, or a part of it."""
    ahead = code.at(at.ahead, offset)
    for line in range(size // CACHE_LINE):
        code.prefetch(code.at(ahead, code.times(at.between, line)))


class _Addresses:
    """Where a tile's operands lie; `inputs` and what follows have one address per token."""

    def __init__(self, code: Code, tokens: int, arguments: Any) -> None:
        self.weights, self.scales, self.ahead, self.between, *of_inputs, num_inputs = arguments
        x, stride, quantised, input_scales = of_inputs
        num_groups = code.builder.sdiv(num_inputs, code.number(GROUP))
        self.inputs, self.quantised, self.input_scales = (
            [code.at(first, code.times(between, token)) for token in range(tokens)]
            for first, between in (
                (x, stride),
                (quantised, code.times(num_inputs, 2)),
                (input_scales, code.times(num_groups, 4)),
            )
        )


def _tile(tokens: int) -> Any:
    """`tile(like, weights, scales, ahead, between, x, stride, quantised, input_scales, num_inputs,
    out)`.

    `like` is an empty array of the weights' dtype: int8, uint16 (bfloat16), or float32. Addresses
    are of a block's weights and scales, of the weights to fetch meanwhile (`ahead`, every `between`
    bytes), and of the first token's inputs: float32 `x`, the next token's after `stride` bytes, or
    for int8 its int16 `quantised` with `input_scales`, whose rows follow each other. `num_inputs`
    is a multiple of 4, for int8 of `GROUP`. `out` gets float32 [tokens, BLOCK].
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, *operands, out = arguments
        code = Code(builder, out.type)
        at, num_inputs = _Addresses(code, tokens, operands), operands[-1]
        stored = signature.args[0].dtype
        if stored == types.int8:
            sums = _int8_sums(code, tokens, at, num_inputs)
        else:
            size = 2 if stored == types.uint16 else 4
            zeros = [ir.Constant(code.floats, [0.0] * LANES)] * (tokens * _VECTORS)
            sums = _float_sums(code, tokens, at, num_inputs, size, zeros)
        for place, each in enumerate(sums):
            code.store(each, code.at(out, place * 4 * LANES))
        return context.get_dummy_value()

    def tile(
        _context: Any,
        like: Any,
        weights: Any,
        scales: Any,
        ahead: Any,
        between: Any,
        x: Any,
        stride: Any,
        quantised: Any,
        input_scales: Any,
        num_inputs: Any,
        out: Any,
    ) -> Any:
        return types.void(like, *[types.intp] * 10), generate

    return intrinsic(tile)


tile_1, tile_2, tile_3, tile_4 = (_tile(tokens) for tokens in range(1, MOST_TOKENS + 1))


def _expand(tokens: int) -> Any:
    """`expand(b, following, low, stride, rank, sums)`: adds an adapter's B times its inputs.

    `b` is the address of bfloat16 [rank, BLOCK], `following` of the next block's, which is fetched
    meanwhile; `low` of float32 [rank], the next token's after `stride` bytes; `sums` of float32
    [tokens, BLOCK]. `rank` is a multiple of 4.
    """

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        b, following, low, stride, rank, sums = arguments
        code = Code(builder, sums.type)
        unused = code.number(0)
        operands = b, unused, following, code.number(CACHE_LINE), low, stride, unused, unused, rank
        at = _Addresses(code, tokens, operands)
        places = [code.at(sums, i * 4 * LANES) for i in range(tokens * _VECTORS)]
        first = [code.load(each, code.floats) for each in places]
        for place, each in zip(places, _float_sums(code, tokens, at, rank, 2, first), strict=True):
            code.store(each, place)
        return context.get_dummy_value()

    def expand(
        _context: Any, b: Any, following: Any, low: Any, stride: Any, rank: Any, sums: Any
    ) -> Any:
        return types.void(*[types.intp] * 6), generate

    return intrinsic(expand)


expand_1, expand_4 = _expand(1), _expand(4)

RANKS = 8
"""Ranks of an adapter that `shrink_1` and `shrink_4` multiply at once."""

_SHRINK_AHEAD = 1024
"""How many bytes before their use an adapter's A is fetched."""


def _shrink(tokens: int) -> Any:
    """`shrink(a, x, stride, num_inputs, out, out_stride)`: an adapter's A times inputs.

    `a` is the address of bfloat16 [num_inputs, RANKS], `x` of float32 inputs, the next token's
    after `stride` bytes. `out` gets float32 [RANKS] per token, the next after `out_stride` bytes.
    `num_inputs` is a multiple of 4.
    """

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        a, x, stride, num_inputs, out, out_stride = arguments
        code = Code(builder, out.type, min(LANES, RANKS))
        vectors = RANKS // code.lanes
        inputs = [code.at(x, code.times(stride, token)) for token in range(tokens)]

        def add_inputs(index: Any, sums: list[Any]) -> list[Any]:
            code.prefetch(code.at(a, code.times(index, 2 * RANKS), _SHRINK_AHEAD))
            for i in range(4):
                place = code.at(a, code.times(index, 2 * RANKS), i * 2 * RANKS)
                weights = [
                    code.load_bfloat16(code.at(place, v * 2 * code.lanes)) for v in range(vectors)
                ]
                for token in range(tokens):
                    one = code.load(code.at(inputs[token], code.times(index, 4), i * 4), FLOAT)
                    repeated = code.splat(one)
                    for v in range(vectors):
                        # Even and odd inputs have sums of their own: one chain would wait.
                        j = ((i % 2) * tokens + token) * vectors + v
                        sums[j] = code.multiply_add(weights[v], repeated, sums[j])
            return sums

        zeros = [ir.Constant(code.floats, [0.0] * code.lanes)] * (2 * tokens * vectors)
        sums = code.loop(num_inputs, 4, zeros, add_inputs)
        for token in range(tokens):
            for v in range(vectors):
                j = token * vectors + v
                both = builder.fadd(sums[j], sums[tokens * vectors + j])
                code.store(both, code.at(out, code.times(out_stride, token), v * 4 * code.lanes))
        return context.get_dummy_value()

    def shrink(
        _context: Any, a: Any, x: Any, stride: Any, num_inputs: Any, out: Any, out_stride: Any
    ) -> Any:
        return types.void(*[types.intp] * 6), generate

    return intrinsic(shrink)


shrink_1, shrink_4 = _shrink(1), _shrink(4)
