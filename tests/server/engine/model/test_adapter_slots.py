"""Packed adapters, and the slots that rows share."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from adapters_store.lora import PEFT_PREFIX
from adapters_store.records import LoraConfig
from server.engine.model.adapter_slots import AdapterSlots, PackedAdapter, ProjectionShape
from server.engine.model.runner import size_bytes
from server.engine.model.token_tiles import NO_SLOT
from tests.adapters import random_adapter

LAYERS, ROWS = 8, 3
LORA = LoraConfig(rank=4, alpha=8.0)
SIZES = {"q": (6, 10), "k": (2, 10), "o": (10, 6)}
SHAPES = (
    ProjectionShape(
        tuple((f"layers.{i}.q", f"layers.{i}.k") for i in range(LAYERS)), 10, (6, 2), (True, True)
    ),
    ProjectionShape(tuple((f"layers.{i}.o",) for i in range(LAYERS)), 6, (10,), (True,)),
)


def slots_of(lora: LoraConfig = LORA) -> AdapterSlots:
    return AdapterSlots(SHAPES, lora, ROWS, torch.device("cpu"))


def adapter(seed: int, first: int = 0, rank: int = LORA.rank) -> dict[str, Tensor]:
    """An adapter that adds nothing in the layers below `first`."""
    shapes = {f"layers.{i}.{name}": size for i in range(LAYERS) for name, size in SIZES.items()}
    tensors = random_adapter(shapes, seed, rank=rank)
    for name, tensor in tensors.items():
        if "lora_B" in name and int(name.split("layers.")[1].split(".")[0]) < first:
            tensor.zero_()
    return tensors


def added_in(slots: AdapterSlots, row: int, layer: int) -> list[Tensor]:
    """B A of every linear, as the row's slot has them in a layer."""
    [slot] = slots.of([row])
    products = []
    for projection in slots.projections:
        assert projection is not None
        weights = projection.layer(layer)
        small = weights.a[slot].float().chunk(len(weights.columns))
        sizes = [each.stop - each.start for each in weights.columns]
        large = torch.split(weights.b[slot].float(), sizes)
        products += [b @ a for a, b in zip(small, large, strict=True)]
    return products


def expected_in(tensors: Mapping[str, Tensor], layer: int, scaling: float) -> list[Tensor]:
    pairs = [
        [tensors[f"{PEFT_PREFIX}layers.{layer}.{name}.lora_{x}.weight"] for x in "AB"]
        for name in SIZES
    ]
    return [scaling * b @ a for a, b in pairs]


def test_every_row_gets_its_own_adapter() -> None:
    slots = slots_of()
    for row in range(ROWS):
        slots.bind(row, slots.pack(adapter(row)))
    for row in range(ROWS):
        for layer in range(LAYERS):
            expected = expected_in(adapter(row), layer, LORA.scaling)
            torch.testing.assert_close(added_in(slots, row, layer), expected)


@pytest.mark.parametrize(
    ("first", "stored_from"), [(0, 0), (1, 0), (2, 2), (4, 4), (5, 4), (7, 6), (8, 8)]
)
def test_layers_below_the_first_that_adds_something_take_no_memory(
    first: int, stored_from: int
) -> None:
    slots = slots_of()
    whole, packed = slots.pack(adapter(0)), slots.pack(adapter(0, first))
    assert size_bytes(packed) == size_bytes(whole) * (LAYERS - stored_from) // LAYERS
    slots.bind(1, packed)
    assert slots.first_layer(slots.of([1])) == stored_from


def test_a_missing_layer_is_refused_though_it_would_add_nothing() -> None:
    tensors = adapter(0, first=4)
    del tensors[f"{PEFT_PREFIX}layers.0.o.lora_B.weight"]
    with pytest.raises(KeyError):
        slots_of().pack(tensors)


def test_the_scaling_is_folded_into_b_with_one_rounding() -> None:
    lora = LoraConfig(rank=3, alpha=10.0)
    slots = slots_of(lora)
    tensors = adapter(0, rank=3)
    slots.bind(0, slots.pack(tensors))
    [slot] = slots.of([0])
    projection = slots.projections[1]
    assert projection is not None
    b = tensors[f"{PEFT_PREFIX}layers.5.o.lora_B.weight"]
    assert torch.equal(projection.layer(5).b[slot], (b * (10 / 3)).bfloat16())


def test_a_rank_below_ours_is_served_when_padded_with_zeros() -> None:
    slots = slots_of()
    low, padded = adapter(0, rank=2), adapter(0)
    for name, tensor in low.items():
        padded[name].zero_()
        padded[name][: tensor.shape[0], : tensor.shape[1]] = tensor
    slots.bind(0, slots.pack(adapter(1)))
    slots.bind(1, slots.pack(padded))
    torch.testing.assert_close(added_in(slots, 1, 3), expected_in(low, 3, LORA.scaling))


def test_rows_with_the_same_adapter_share_a_slot() -> None:
    slots = slots_of()
    packed = slots.pack(adapter(0))
    for row in range(ROWS):
        slots.bind(row, packed)
    assert len(set(slots.of(range(ROWS)))) == 1
    slots.bind(0, None)
    slots.bind(1, slots.pack(adapter(1)))
    assert slots.of([0]) == [NO_SLOT]
    torch.testing.assert_close(added_in(slots, 2, 3), expected_in(adapter(0), 3, LORA.scaling))


def test_a_slot_keeps_nothing_of_the_adapter_before() -> None:
    slots = slots_of()
    for row in range(ROWS):
        slots.bind(row, slots.pack(adapter(row)))
    slots.bind(1, slots.pack(adapter(9, first=4)))
    assert slots.first_layer(slots.of(range(ROWS))) == 0
    for layer in range(LAYERS):
        expected = expected_in(adapter(9, first=4), layer, LORA.scaling)
        torch.testing.assert_close(added_in(slots, 1, layer), expected)


def test_an_adapter_that_still_lies_in_a_slot_is_not_copied_again() -> None:
    slots = slots_of()
    first = slots.pack(adapter(0))
    slots.bind(0, first)
    lies_in = slots.of([0])
    slots.bind(0, None)
    slots.bind(1, slots.pack(adapter(1)))
    for part in first:
        part.fill_(float("nan"))  # what is copied from here on would be seen
    slots.bind(2, first)
    assert slots.of([2]) == lies_in
    torch.testing.assert_close(added_in(slots, 2, 3), expected_in(adapter(0), 3, LORA.scaling))


def test_an_adapter_that_could_not_be_copied_is_copied_when_it_is_bound_again() -> None:
    slots = slots_of()
    whole = slots.pack(adapter(0))
    broken: PackedAdapter = (*whole[:-1], whole[-1][:, :3])
    with pytest.raises(RuntimeError):
        slots.bind(0, broken)
    assert slots.of([0]) == [NO_SLOT]
    with pytest.raises(RuntimeError):
        slots.bind(0, broken)


def test_the_first_layer_is_the_lowest_of_the_adapters_in_use() -> None:
    slots = slots_of()
    slots.bind(0, slots.pack(adapter(0, first=6)))
    slots.bind(1, slots.pack(adapter(1, first=2)))
    assert slots.first_layer(slots.of([0])) == 6
    assert slots.first_layer(slots.of([0, 1])) == 2
    assert slots.first_layer(slots.of([2])) == LAYERS
