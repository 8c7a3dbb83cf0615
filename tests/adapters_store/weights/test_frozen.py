"""Frozen modules in place of a model's own: the same numbers, and gradients for inputs only."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from adapters_store.records import Precision
from adapters_store.weights.frozen import FrozenLinear, packed_weights
from adapters_store.weights.packed_weight import pack
from tests.conftest import load_tiny

IDS = torch.tensor([[5, 6, 7, 8, 9, 10]])


@pytest.mark.parametrize("precision", ["int8", "bfloat16", "float32"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_gradient_is_that_of_the_unpacked_weight(
    precision: Precision, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(0)
    linear = FrozenLinear(pack(torch.randn(100, 70, generator=generator), precision), None)
    x = torch.randn(3, 5, 70, generator=generator).to(dtype).requires_grad_()
    weighting = torch.randn(3, 5, 100, generator=generator).to(dtype)
    linear(x).backward(weighting)
    assert x.grad is not None
    expected = weighting.float() @ linear.packed.unpack()
    tolerance = 1e-4 if dtype == torch.float32 else 0.5
    torch.testing.assert_close(x.grad.float(), expected, rtol=0.02, atol=tolerance)


def test_a_frozen_model_gives_the_plain_models_logits(tiny_model_folder: Path) -> None:
    plain, frozen = load_tiny(tiny_model_folder), load_tiny(tiny_model_folder, "float32")
    model: Any = frozen.model
    torch.testing.assert_close(model(IDS).logits, plain.model(IDS).logits)
    assert not any(isinstance(module, nn.Linear | nn.Embedding) for module in model.modules())


def test_parameters_are_counted_as_in_the_plain_model(tiny_model_folder: Path) -> None:
    plain, frozen = load_tiny(tiny_model_folder), load_tiny(tiny_model_folder, "int8")
    assert frozen.num_parameters == plain.num_parameters
    assert sum(each.nbytes for each in packed_weights(frozen.model)) < plain.num_parameters * 2
