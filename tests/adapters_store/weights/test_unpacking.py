"""The compiled unpacking against the plain one."""

import pytest
import torch

from adapters_store.records import Precision
from adapters_store.weights.packed_weight import pack
from adapters_store.weights.unpacking import unpacked


@pytest.mark.parametrize("precision", ["int8", "bfloat16", "float32"])
@pytest.mark.parametrize(("start", "end"), [(0, 7), (2, 5), (5, 900)])
def test_unpacked_outputs_have_the_same_bits(precision: Precision, start: int, end: int) -> None:
    weight = pack(torch.randn(100, 70, generator=torch.Generator().manual_seed(0)), precision)
    assert torch.equal(unpacked(weight, start, end), weight.unpack(start, end))


def test_the_number_of_threads_changes_no_bit() -> None:
    weight = pack(torch.randn(64, 640, generator=torch.Generator().manual_seed(0)), "int8")
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(unpacked(weight, 0, 4))
    torch.set_num_threads(before)
    assert torch.equal(*results)
