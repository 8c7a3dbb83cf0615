"""The operations of a forward pass between its matrix products, as each device implements them."""

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from server.engine.model.token_rows import TokenRows

RANK_STEP = 4
"""Ranks are multiplied four at once, so adapters are padded with zeros to a multiple of this."""


class Kernels(Protocol):
    """Operations on rows. Activations are in the model's dtype, sums in float32."""

    def begin_step(self) -> None:
        """Prepare the thread that runs the step."""

    def rms_norm(self, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        """x / rms(x) * weight over the last dimension of [tokens, size] (Zhang, Sennrich 2019)."""

    def attend(
        self, qkv: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, lengths: Tensor
    ) -> Tensor:
        """Store one new token's key and value in each of the first rows, and attend.

        `qkv` is [rows, heads + 2 * kv heads, dim], not rotated yet; `cos` and `sin` are
        [rows, 1, dim], the sines signed; `keys` and `values` are [all rows, kv heads, positions,
        dim]; `lengths` [rows] int64 is how many positions hold earlier tokens. Returns
        [rows, heads * dim].
        """

    def operand(self, tensor: Tensor) -> Any:
        """A tensor at a fixed address, in the form that `add_low_rank` takes."""

    def add_low_rank(
        self, y: Tensor, x: Tensor, rows: TokenRows, weights: "LowRank", scaling: float
    ) -> None:
        """y += scaling * B A x, each token with its row's A and B (Hu et al. 2021, equation 3).

        `y` is [tokens, blocks * block] and `x` [tokens, in].
        """


class LowRank(NamedTuple):
    """The adapters of all rows in one projection of one layer, as operands.

    `a` is [rows, linears * rank, in] and `b` [rows, blocks, rank, block], both bfloat16. `sources`
    [blocks] int64 is the linear whose part of `a` feeds a block. `rank` is a multiple of
    `RANK_STEP`.
    """

    a: Any
    b: Any
    sources: Any


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding (Su et al. 2021); `sin` carries the sign of the first half."""
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, dims=-1), sin)
