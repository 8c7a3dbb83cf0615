"""Packing, and getting weights back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adapters_store.records import Precision
from adapters_store.weights.packed_weight import pack, packed_shapes
from adapters_store.weights.tiles import GROUP

PRECISIONS: tuple[Precision, ...] = ("int8", "bfloat16", "float32")
SIZES = st.integers(1, 150)


def random_weight(outputs: int, inputs: int) -> torch.Tensor:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(outputs + inputs))


@given(SIZES, SIZES)
def test_float32_weights_come_back_as_they_were(outputs: int, inputs: int) -> None:
    weight = random_weight(outputs, inputs)
    assert torch.equal(pack(weight, "float32").unpack(), weight)


@given(SIZES, SIZES)
def test_bfloat16_weights_come_back_as_they_were(outputs: int, inputs: int) -> None:
    weight = random_weight(outputs, inputs).bfloat16()
    assert torch.equal(pack(weight, "bfloat16").unpack(), weight.float())


@given(SIZES, SIZES)
def test_int8_weights_are_off_by_half_a_step_of_their_group_at_most(
    outputs: int, inputs: int
) -> None:
    weight = random_weight(outputs, inputs)
    error = (pack(weight, "int8").unpack() - weight).abs()
    for start in range(0, inputs, GROUP):
        steps = weight[:, start : start + GROUP].abs().amax(dim=1, keepdim=True) / 127
        assert (error[:, start : start + GROUP] <= steps * 0.501).all()


def test_a_group_of_zeros_stays_zero() -> None:
    weight = torch.zeros(3, 2 * GROUP)
    weight[1, GROUP:] = 1.0
    assert torch.equal(pack(weight, "int8").unpack(), weight)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_single_rows_and_parts_are_those_of_the_whole(precision: Precision) -> None:
    packed = pack(random_weight(70, 100), precision)
    whole = packed.unpack()
    assert torch.equal(packed.rows(torch.tensor([69, 0, 17])), whole[[69, 0, 17]])
    assert torch.equal(torch.cat([packed.unpack(0, 2), packed.unpack(2, None)]), whole)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_shapes_are_known_before_packing(precision: Precision) -> None:
    packed = pack(random_weight(70, 100), precision)
    shapes = packed_shapes(70, 100, precision)
    assert (tuple(packed.values.shape), tuple(packed.scales.shape)) == shapes
