"""Initialises an empty slot along the gradients of its first examples.

With a random A, B's first steps see random directions of each layer's input. With A along the
gradient's main directions, one step does the work of several (LoRA-GA, Wang et al. 2024, arXiv
2407.05000). Unlike there, B is zero, so that the slot starts as the base.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import sqrt

import torch
from torch import Tensor

from adapters_store.lora import AdapterPool

COLUMN_NORM = 1 / sqrt(3)
"""The expected norm of a column of A as PEFT draws it, so that learning rates mean the same."""


@contextmanager
def init_from_gradients(pool: AdapterPool, slot: int, seed: int) -> Iterator[None]:
    """Set a trained slot's A along the row space of each weight's gradient, and its B to zero.

    The block makes the gradients, with the slot in use. While A is zero and B random, the slot
    changes nothing, and A's gradient is G' B' for the weight's gradient G: a random sketch of G's
    row space (Halko et al. 2011, algorithm 4.1), from one backward pass and without making G. A
    becomes its orthonormal basis.
    """
    generator = torch.Generator().manual_seed(seed)
    weights = list(zip(*pool.trained_weights(slot), strict=True))
    with torch.no_grad():
        for a, b in weights:
            a.zero_()
            b.copy_(torch.randn(b.shape, generator=generator) / sqrt(b.shape[-1]))
    yield
    with torch.no_grad():
        for a, b in weights:
            a.copy_(COLUMN_NORM * _basis(torch.zeros_like(a) if a.grad is None else a.grad))
            b.zero_()
            a.grad = b.grad = None


def _basis(sketch: Tensor) -> Tensor:
    """An orthonormal basis of the columns, [in, rank]; columns beyond the input's width are zero.

    Computed in float64 on the CPU, so that the bytes are the same on every device.
    """
    basis, _ = torch.linalg.qr(sketch.to("cpu", torch.float64))
    whole = torch.zeros_like(sketch)
    whole[:, : basis.shape[1]] = basis
    return whole
