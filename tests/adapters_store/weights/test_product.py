"""Products with packed weights, against torch's."""

import pytest
import torch
from torch import Tensor

from adapters_store.records import Precision
from adapters_store.weights.packed_weight import pack
from adapters_store.weights.product import product

PRECISIONS: tuple[Precision, ...] = ("int8", "bfloat16", "float32")
# Neither whole blocks nor whole groups, too.
SHAPES = ((16, 64), (33, 100), (160, 896), (7, 5))


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("outputs", "inputs"), SHAPES)
@pytest.mark.parametrize("tokens", [1, 2, 3, 4, 5, 16, 37])
def test_a_product_is_that_of_the_unpacked_weight(
    precision: Precision, outputs: int, inputs: int, tokens: int
) -> None:
    weight, x, bias = (
        pack(numbers(outputs, inputs), precision),
        numbers(tokens, inputs),
        numbers(outputs),
    )
    expected = x.double() @ weight.unpack().double().T + bias
    # Inputs are rounded to 16 bits if the weights are whole numbers.
    tolerance = 4e-3 if precision == "int8" else 3e-4
    torch.testing.assert_close(product(x, weight, bias).double(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_token_has_the_same_bits_alone_and_in_company(precision: Precision) -> None:
    weight, x = pack(numbers(160, 896), precision), numbers(37, 896)
    together = product(x, weight)
    for start, end in ((0, 1), (1, 3), (5, 8), (8, 12), (3, 37)):
        assert torch.equal(product(x[start:end], weight), together[start:end])


def test_large_and_tiny_inputs_do_not_disturb_other_groups() -> None:
    weight, x = pack(numbers(32, 192), "float32"), numbers(2, 192)
    x[0, :64] *= 1e6
    x[1, 64:128] = 0
    quantised = pack(weight.unpack(), "int8")
    expected = x.double() @ quantised.unpack().double().T
    relative = (product(x, quantised) - expected).abs() / expected.abs().amax(dim=1, keepdim=True)
    assert relative.max() < 1e-4


@pytest.mark.parametrize("worst", [1.0, -1.0])
def test_the_largest_numbers_do_not_overflow(worst: float) -> None:
    weight, x = torch.full((16, 256), 3.0), torch.full((1, 256), worst * 1e4)
    expected = torch.full((1, 16), worst * 3e4 * 256)
    torch.testing.assert_close(product(x, pack(weight, "int8")), expected)
