"""Packed adapters: what they hold, and how rows find them."""

import pytest
import torch
from torch import Tensor

from adapters_store.records import LoraConfig
from server.engine.model.compiled.adapters import AdapterTable, Projection
from server.engine.model.runner import size_bytes
from tests.adapters import random_adapter

LAYERS, INPUTS, OUTPUTS, RANK = 4, 96, (40, 24), 5
LORA = LoraConfig(rank=RANK, alpha=10.0)
PATHS = [[f"layers.{i}.q", f"layers.{i}.k"] for i in range(LAYERS)]
SHAPES = {path: (out, INPUTS) for paths in PATHS for path, out in zip(paths, OUTPUTS, strict=True)}


@pytest.fixture
def table() -> AdapterTable:
    return AdapterTable([Projection(PATHS, INPUTS, OUTPUTS)], set(SHAPES), LORA, rows=3)


def without_lower_half(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: torch.zeros_like(tensor) if ".0." in name or ".1." in name else tensor
        for name, tensor in tensors.items()
    }


def test_layers_in_which_an_adapter_adds_nothing_take_no_memory(table: AdapterTable) -> None:
    whole = random_adapter(SHAPES, seed=1, rank=RANK)
    half = table.pack(without_lower_half(whole))
    assert 2 * half.buffer.nbytes == table.pack(whole).buffer.nbytes
    assert (half.places[:2] == -1).all() and (half.places[2:] >= 0).all()


def test_an_adapter_that_adds_nothing_at_all_is_empty(table: AdapterTable) -> None:
    zeros = {name: 0 * each for name, each in random_adapter(SHAPES, 1, rank=RANK).items()}
    assert size_bytes(table.pack(zeros)) == table.pack(zeros).places.nbytes


def test_rows_with_one_adapter_read_the_same_memory(table: AdapterTable) -> None:
    adapter = table.pack(random_adapter(SHAPES, seed=1, rank=RANK))
    table.bind(0, adapter)
    table.bind(2, adapter)
    addresses = table.addresses([0, 1, 2])
    assert (addresses[..., 0] == addresses[..., 2]).all()
    assert (addresses[..., 0] > 0).all()
    assert (addresses[..., 1] == 0).all()


def test_a_row_that_is_unbound_has_no_adapter(table: AdapterTable) -> None:
    table.bind(0, table.pack(random_adapter(SHAPES, seed=1, rank=RANK)))
    table.bind(0, None)
    assert (table.addresses([0]) == 0).all()


def test_a_missing_tensor_is_a_key_error(table: AdapterTable) -> None:
    tensors = random_adapter(SHAPES, seed=1, rank=RANK)
    tensors.popitem()
    with pytest.raises(KeyError):
        table.pack(tensors)


def test_a_wrong_shape_is_a_value_error(table: AdapterTable) -> None:
    with pytest.raises(ValueError, match="has shape"):
        table.pack(random_adapter(SHAPES, seed=1, rank=RANK + 1))
