"""Which kernels a device gets."""

import logging

import torch

from server.engine.model.kernels import Kernels, LowRank, blocks_of
from server.engine.model.token_tiles import TokenTiles
from server.engine.model.torch_kernels import TorchKernels

log = logging.getLogger(__name__)


def kernels_for(device: torch.device, dtype: torch.dtype) -> Kernels:
    """Triton's on a GPU if it can compile them for activations of this `dtype`, else PyTorch's.

    PyTorch's builds for CUDA bring Triton, but Triton needs a C compiler and Python's headers.
    """
    if device.type != "cuda":
        return TorchKernels()
    try:
        from server.engine.model.gpu.triton_kernels import TritonKernels

        kernels = TritonKernels(device)
        _try_out(kernels, device, dtype)
    except Exception as error:  # whatever compilers, drivers and loaders raise
        log.warning(
            "Triton does not work here, so adapters slow replies down more than they should: %s. "
            "It needs a C compiler and Python's headers; on Debian and Ubuntu: "
            "apt-get install gcc python3-dev",
            error,
        )
        return TorchKernels()
    return kernels


def _try_out(kernels: Kernels, device: torch.device, dtype: torch.dtype) -> None:
    """Run every kernel once."""
    size = 16
    pair = torch.zeros(2, 1, size, size, dtype=torch.bfloat16, device=device)
    columns = [slice(0, size)]
    weights = LowRank(pair[0], pair[1], columns, blocks_of(columns, device))
    first = torch.zeros(1, dtype=torch.long, device=device)
    tiles = TokenTiles(torch.arange(2, device=device), first, width=1)
    x = torch.zeros(1, size, dtype=dtype, device=device)
    kernels.begin_step()
    kernels.expand(x, kernels.shrink(x, tiles, weights), tiles, weights)
    heads = torch.zeros(1, 3, size, dtype=dtype, device=device)
    cache = torch.zeros(2, 1, 1, size, size, dtype=dtype, device=device)
    kernels.attend(heads, heads[:, :1], heads[:, :1], cache[0], cache[1], first)
