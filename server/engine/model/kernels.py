"""What a forward pass does between its matrix products, and which code does it on which device."""

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from server.engine.model.token_rows import TokenRows

RANK_STEP = 4
"""Adapters are padded with zeros to a multiple of this rank: so many are multiplied at once."""


class Kernels(Protocol):
    """Operations on rows. Activations are in the model's dtype, sums in float32."""

    def begin_step(self) -> None:
        """Get ready on the thread that runs the step."""
        ...

    def rms_norm(self, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        """x / rms(x) * weight over the last of [tokens, size] (Zhang and Sennrich 2019)."""
        ...

    def attend(
        self, qkv: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, lengths: Tensor
    ) -> Tensor:
        """Attention of one new token in each of the first rows, whose key and value are stored.

        `qkv` is [rows, heads + 2 * kv heads, dim], not rotated yet; `cos` and `sin` are
        [rows, 1, dim], the sines signed; `keys` and `values` are [all rows, kv heads, positions,
        dim], and `lengths` [rows] int64 says how many of the positions hold earlier tokens. Returns
        [rows, heads * dim].
        """
        ...

    def operand(self, tensor: Tensor) -> Any:
        """A tensor that stays where it is, as `add_low_rank` takes it at every step."""
        ...

    def add_low_rank(
        self, y: Tensor, x: Tensor, rows: TokenRows, weights: "LowRank", scaling: float
    ) -> None:
        """y += scaling * B A x, each token with its row's A and B (Hu et al. 2021, equation 3).

        `y` is [tokens, blocks * block] and `x` [tokens, in].
        """
        ...


class LowRank(NamedTuple):
    """The adapters of all rows in one projection of one layer, as operands.

    `a` is [rows, linears * rank, in] and `b` [rows, blocks, rank, block], both bfloat16; `sources`
    [blocks] int64 names the linear whose part of `a` feeds a block. `rank` is a multiple of
    `RANK_STEP`.
    """

    a: Any
    b: Any
    sources: Any


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding (Su et al. 2021); `sin` carries the sign of the first half."""
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, dims=-1), sin)
