"""Which steps get a graph of their own, and what its buffers hold. Nothing is captured here."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from server.engine.model.gpu.decode_graphs import DecodeGraphs, padded_size
from server.engine.model.token_tiles import NO_SLOT

ROWS = 6
CACHE = torch.zeros(4)


class Recorder:
    """A step that shows what it was given, and counts captures and the pools they use."""

    def __init__(self) -> None:
        self.captured: list[tuple[int, int]] = []
        self.pools = 0

    def step(self, ids: Tensor, places: Tensor, slots: Tensor, first_layer: int) -> Tensor:
        return torch.stack((ids, places, slots, torch.full_like(ids, first_layer)), dim=1)

    def new_capture(self) -> Callable[[Callable[[], Tensor]], Callable[[], Tensor]]:
        self.pools += 1

        def capture(work: Callable[[], Tensor]) -> Callable[[], Tensor]:
            shown = work()
            self.captured.append((len(shown), int(shown[0, 3])))
            return work

        return capture


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def graphs(recorder: Recorder) -> DecodeGraphs:
    return DecodeGraphs(recorder.step, ROWS, torch.device("cpu"), recorder.new_capture)


def test_a_replay_sees_the_inputs_of_its_own_step(graphs: DecodeGraphs) -> None:
    graphs.run([7, 8], [10, 20], [1, 0], 0, CACHE)
    found = graphs.run([5, 6], [11, 21], [NO_SLOT, 3], 0, CACHE)
    assert found.tolist() == [[5, 11, NO_SLOT, 0], [6, 21, 3, 0]]


def test_padding_has_no_place_and_no_adapter(recorder: Recorder) -> None:
    seen = []

    def step(ids: Tensor, places: Tensor, slots: Tensor, first_layer: int) -> Tensor:
        seen.append((places.tolist(), slots.tolist()))
        return recorder.step(ids, places, slots, first_layer)

    graphs = DecodeGraphs(step, ROWS, torch.device("cpu"), recorder.new_capture)
    graphs.run([7] * 4, [9] * 4, [2] * 4, 0, CACHE)
    graphs.run([7] * 3, [9] * 3, [2] * 3, 0, CACHE)
    assert seen[-1] == ([9, 9, 9, -1], [2, 2, 2, NO_SLOT])


def test_each_size_and_each_first_layer_is_captured_once(
    graphs: DecodeGraphs, recorder: Recorder
) -> None:
    for first_layer in (8, 4, 8, 4):
        for rows in (1, 2, 3, 4):
            graphs.run([7] * rows, [9] * rows, [0] * rows, first_layer, CACHE)
    assert recorder.captured == [(size, first) for first in (8, 4) for size in (1, 2, 4)]


def test_a_moved_cache_is_captured_anew_in_a_new_pool(
    graphs: DecodeGraphs, recorder: Recorder
) -> None:
    graphs.run([7], [9], [0], 0, CACHE)
    pools = recorder.pools
    graphs.run([7], [9], [0], 0, CACHE.clone())
    assert recorder.captured == [(1, 0), (1, 0)]
    assert recorder.pools == pools + 1


@pytest.mark.parametrize(("rows", "size"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, ROWS), (6, ROWS)])
def test_rows_are_padded_to_a_power_of_two_or_to_all(rows: int, size: int) -> None:
    assert padded_size(rows, ROWS) == size
