"""Writes loops over vectors as LLVM's instructions, for functions that Numba compiles."""

from typing import Any

from llvmlite import binding, ir

BYTE, SHORT, INT, FLOAT = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.FloatType()
_X86_PAIR_PRODUCTS = {8: "llvm.x86.avx2.pmadd.wd", 16: "llvm.x86.avx512.pmaddw.d.512"}


def _lanes() -> int:
    """How many 32-bit numbers a vector register of this machine holds, at most 16."""
    features = binding.get_host_cpu_features()
    if features.get("avx512bw"):
        return 16
    return 8 if features.get("avx2") else 4


LANES = _lanes()


class Code:
    """Instructions on addresses and vectors, at a builder's place."""

    def __init__(self, builder: Any, address_type: Any, lanes: int = LANES) -> None:
        self.builder = builder
        self.lanes = lanes
        self.floats, self.ints = ir.VectorType(FLOAT, lanes), ir.VectorType(INT, lanes)
        self._address_type = address_type

    def number(self, value: int) -> Any:
        return ir.Constant(self._address_type, value)

    def at(self, base: Any, *offsets: Any) -> Any:
        """An address that is a base and offsets in bytes."""
        for offset in offsets:
            base = self.builder.add(base, self.number(offset) if type(offset) is int else offset)
        return base

    def times(self, number: Any, factor: int) -> Any:
        return self.builder.mul(number, self.number(factor))

    def load(self, address: Any, kind: Any) -> Any:
        pointer = self.builder.inttoptr(address, kind.as_pointer())
        loaded = self.builder.load(pointer)
        loaded.align = 1
        return loaded

    def store(self, value: Any, address: Any) -> None:
        pointer = self.builder.inttoptr(address, value.type.as_pointer())
        self.builder.store(value, pointer).align = 1

    def prefetch(self, address: Any) -> None:
        """Fetch a cache line that is read soon. Any address is harmless."""
        pointer = self.builder.inttoptr(address, BYTE.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, INT, INT, INT])
        function = self.builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], kind)
        # To read, into every cache, as data.
        self.builder.call(function, [pointer, *(ir.Constant(INT, i) for i in (0, 3, 1))])

    def load_bfloat16(self, address: Any) -> Any:
        """A vector of bfloat16, the upper halves of float32."""
        halves = self.load(address, ir.VectorType(SHORT, self.lanes))
        shift = ir.Constant(self.ints, [16] * self.lanes)
        wide = self.builder.shl(self.builder.zext(halves, self.ints), shift)
        return self.builder.bitcast(wide, self.floats)

    def splat(self, value: Any) -> Any:
        """A vector with one number in every lane."""
        undefined = ir.Constant(ir.VectorType(value.type, self.lanes), ir.Undefined)
        first = self.builder.insert_element(undefined, value, ir.Constant(INT, 0))
        everywhere = ir.Constant(self.ints, [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, everywhere)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """a * b + c, rounded once."""
        name = f"llvm.fma.v{self.lanes}f32"
        kind = ir.FunctionType(self.floats, [self.floats] * 3)
        return self.builder.call(self.builder.module.declare_intrinsic(name, (), kind), [a, b, c])

    def pair_products(self, weights: Any, inputs: Any) -> Any:
        """Per lane the sum of two products of int16: two vectors of pairs to one of int32."""
        builder = self.builder
        if name := _X86_PAIR_PRODUCTS.get(self.lanes):
            kind = ir.FunctionType(self.ints, [weights.type, inputs.type])
            function = builder.module.declare_intrinsic(name, (), kind)
            return builder.call(function, [weights, inputs])
        wide = ir.VectorType(INT, 2 * self.lanes)
        products = builder.mul(builder.sext(weights, wide), builder.sext(inputs, wide))
        undefined = ir.Constant(wide, ir.Undefined)
        even, odd = (
            builder.shuffle_vector(
                products, undefined, ir.Constant(self.ints, [*range(start, 2 * self.lanes, 2)])
            )
            for start in (0, 1)
        )
        return builder.add(even, odd)

    def loop(self, count: Any, step: int, sums: list[Any], body: Any) -> list[Any]:
        """Carry `sums` through `body(index, sums)`, for index 0, step … below `count` (at least 1).

        Returns the last sums.
        """
        builder = self.builder
        before = builder.block
        block, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
        builder.branch(block)
        builder.position_at_end(block)
        index = builder.phi(self._address_type)
        index.add_incoming(self.number(0), before)
        carried = [builder.phi(each.type) for each in sums]
        for phi, each in zip(carried, sums, strict=True):
            phi.add_incoming(each, before)
        results = body(index, list(carried))
        following = builder.add(index, self.number(step))
        index.add_incoming(following, builder.block)
        for phi, each in zip(carried, results, strict=True):
            phi.add_incoming(each, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, count), block, after)
        builder.position_at_end(after)
        return list(results)
