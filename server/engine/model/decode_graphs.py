"""Decode steps as CUDA graphs: one launch instead of hundreds.

At these batch sizes, launching the kernels takes longer than running them. A graph replays a step
on fixed addresses. So inputs are copied into fixed buffers, and the number of rows is padded to one
of a few sizes.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

DecodeStep = Callable[[Tensor, Tensor, Tensor, bool], Tensor]
"""Maps token ids, positions, and places to store keys and values at, all [rows] int64, and whether
any row has an adapter, to logits [rows, vocabulary]. It must not synchronise with the GPU."""

Replay = Callable[[], Tensor]
Capture = Callable[[Callable[[], Tensor]], Replay]
"""Makes a replay of some work. PyTorch frees a memory pool with its last graph, so after all graphs
were dropped the next one needs a new `Capture`."""


class DecodeGraphs:
    """The graphs of one `DecodeStep`, captured at the first step of each size."""

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
        self._ids, self._positions, self._places = (
            torch.zeros(rows, dtype=torch.long, device=device) for _ in range(3)
        )
        self._replays: dict[tuple[int, bool], Replay] = {}
        self._cache_address = 0

    def run(
        self, tokens: Sequence[int], lengths: Sequence[int], has_adapters: bool, cache: Tensor
    ) -> Tensor:
        """One decode step of the first rows: logits [rows, vocabulary], overwritten by the next.

        `cache` is the buffer of keys and values. Padding rows write to its last position, which no
        other row uses.
        """
        if cache.data_ptr() != self._cache_address:
            # The cache has moved, and the graphs write to its old address.
            self._replays.clear()
            self._capture = self._new_capture()
            self._cache_address = cache.data_ptr()
        count, size = len(tokens), padded_size(len(tokens), len(self._ids))
        filling = size - count
        spare = cache.shape[-2] - 1
        for buffer, values in (
            (self._ids, [*tokens, *[0] * filling]),
            (self._positions, [*lengths, *[0] * filling]),
            (self._places, [*lengths, *[spare] * filling]),
        ):
            buffer[:size].copy_(torch.tensor(values), non_blocking=True)
        key = (size, has_adapters)
        if key not in self._replays:
            inputs = self._ids[:size], self._positions[:size], self._places[:size]
            self._replays[key] = self._capture(lambda: self._step(*inputs, has_adapters))
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
