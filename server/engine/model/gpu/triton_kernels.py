"""`Kernels` for CUDA, in Triton. Adapters are shrunk beside the product with the base's weights."""

import torch
from torch import Tensor

from server.engine.model.gpu.attention import attend
from server.engine.model.gpu.low_rank import empty_low, expand, shrink
from server.engine.model.kernels import LowRank
from server.engine.model.token_tiles import TokenTiles


class TritonKernels:
    """See `Kernels`. On a CPU they run in Triton's interpreter, for tests."""

    def __init__(self, device: torch.device) -> None:
        self._is_cuda = device.type == "cuda"
        self._side: torch.cuda.Stream | None = None

    def begin_step(self) -> None:
        """See `Kernels.begin_step`. Each captured step has a side stream of its own."""
        if self._is_cuda:
            # Streams of high priority come from a pool of their own, so this is not the main one.
            self._side = torch.cuda.Stream(priority=-1)  # type: ignore[no-untyped-call]

    def attend(
        self, qkv: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, places: Tensor
    ) -> Tensor:
        """See `Kernels.attend`."""
        return attend(qkv, cos, sin, keys, values, places)

    def shrink(self, x: Tensor, tiles: TokenTiles, weights: LowRank) -> Tensor:
        """See `Kernels.shrink`. Returns [tokens, splits, linears * rank], float32."""
        # The memory belongs to the main stream, and the side stream is done with it before the
        # main one reads or frees it.
        low = empty_low(x, weights)
        if side := self._side_for(tiles):
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                shrink(x, tiles, weights, low)
        else:
            shrink(x, tiles, weights, low)
        return low

    def expand(self, y: Tensor, low: Tensor, tiles: TokenTiles, weights: LowRank) -> None:
        """See `Kernels.expand`."""
        if side := self._side_for(tiles):
            torch.cuda.current_stream().wait_stream(side)
        expand(y, low, tiles, weights)

    def _side_for(self, tiles: TokenTiles) -> torch.cuda.Stream | None:
        """The side stream for steps that only decode: a prompt leaves no processor idle."""
        return self._side if tiles.width == 1 else None
