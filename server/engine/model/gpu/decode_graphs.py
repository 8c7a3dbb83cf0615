"""Decode steps as CUDA graphs: one launch instead of hundreds.

At these batch sizes, launching the kernels takes longer than running them. A graph replays a step
on fixed addresses. So inputs are copied into a fixed buffer, and the number of rows is padded to
one of a few sizes.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from server.engine.model.token_tiles import NO_SLOT

DecodeStep = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""Maps token ids, places to store keys and values at, and adapters' slots, all [rows] int64, and
the first layer that an adapter changes, to logits [rows, vocabulary]. Padding has place -1 and no
slot. It must not synchronise with the GPU."""

Replay = Callable[[], Tensor]
Capture = Callable[[Callable[[], Tensor]], Replay]
"""Makes a replay of some work. PyTorch frees a memory pool with its last graph, so after all graphs
were dropped the next one needs a new `Capture`."""


class DecodeGraphs:
    """The graphs of one `DecodeStep`, captured at the first step of each size and first layer."""

    def __init__(
        self,
        step: DecodeStep,
        rows: int,
        device: torch.device,
        new_capture: Callable[[], Capture] | None = None,
    ) -> None:
        self._step = step
        self._new_capture = new_capture or CudaCapture
        self._capture = self._new_capture()
        self._rows = rows
        self._inputs = torch.zeros(3 * rows, dtype=torch.long, device=device)
        self._replays: dict[tuple[int, int], Replay] = {}
        self._cache_address = 0

    def run(
        self,
        tokens: Sequence[int],
        lengths: Sequence[int],
        slots: Sequence[int],
        first_layer: int,
        cache: Tensor,
    ) -> Tensor:
        """One decode step of the first rows: logits [rows, vocabulary], overwritten by the next.

        `slots` are those of the rows' adapters; `cache` is the buffer of keys and values.
        """
        if cache.data_ptr() != self._cache_address:
            # The cache has moved, and the graphs write to its old address.
            self._replays.clear()
            self._capture = self._new_capture()
            self._cache_address = cache.data_ptr()
        count, size = len(tokens), padded_size(len(tokens), self._rows)
        filling = size - count
        values = (
            *(*tokens, *[0] * filling),
            *(*lengths, *[-1] * filling),
            *(*slots, *[NO_SLOT] * filling),
        )
        inputs = self._inputs[: 3 * size]
        inputs.copy_(torch.tensor(values), non_blocking=True)
        key = (size, first_layer)
        if key not in self._replays:
            ids, places, padded_slots = inputs.view(3, size)
            self._replays[key] = self._capture(
                lambda: self._step(ids, places, padded_slots, first_layer)
            )
        return self._replays[key]()[:count]


class CudaCapture:
    """Captures work on the current CUDA device; all its graphs share one memory pool."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, work: Callable[[], Tensor]) -> Replay:
        """Run the work once as a warm-up for the libraries, then capture it."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            work()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Other threads may copy to the device meanwhile; that is not captured.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            output = work()

        def replay() -> Tensor:
            graph.replay()
            return output

        return replay


def padded_size(rows: int, most: int) -> int:
    """The smallest power of two that is at least `rows`, but at most `most`."""
    return min(most, 1 << (rows - 1).bit_length())
