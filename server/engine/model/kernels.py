"""What happens between the matrix products of a forward pass, as each device implements it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from server.engine.model.token_tiles import TokenTiles

BLOCK = 128
"""Most outputs that are computed as one block of an adapter's product."""


class LowRank(NamedTuple):
    """All slots' adapters in one projection of one layer; the projection fuses several linears.

    `a` is [slots, linears * rank, in] and `b` [slots, outputs, rank], both bfloat16, with
    alpha / rank folded into `b`. Only adapted linears have a part in them. `columns` are the
    columns of the projection that each such linear computes. `blocks` says the same in blocks of at
    most `BLOCK` outputs: first column, last column + 1, first output in `b`, linear; int64.
    """

    a: Tensor
    b: Tensor
    columns: Sequence[slice]
    blocks: Tensor


class Kernels(Protocol):
    """Operations on rows. Activations are in the model's dtype, sums in float32."""

    def begin_step(self) -> None:
        """Prepare a forward pass, or the capture of one."""

    def attend(
        self, qkv: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, places: Tensor
    ) -> Tensor:
        """Store one new token's key and value in each of the first rows, and attend.

        `qkv` is [rows, heads + 2 * kv heads, dim], not rotated yet; `cos` and `sin` are
        [rows, 1, dim], the sines signed; `keys` and `values` are [all rows, kv heads, positions,
        dim]. `places` [rows] int64 is the position of the new token, which sees those before it; a
        row of padding has -1, and its result means nothing. No row uses the last position. Returns
        [rows, heads * dim].
        """

    def shrink(self, x: Tensor, tiles: TokenTiles, weights: LowRank) -> Tensor:
        """Begin y += B A x, each token with its own A and B (Hu et al. 2021, equation 3).

        `x` is [tokens, in]. Call it before the product of `x` with the base's weights, and give
        what it returns to `expand` after that, with the same `tiles` and `weights`.
        """

    def expand(self, y: Tensor, low: Tensor, tiles: TokenTiles, weights: LowRank) -> None:
        """Finish what `shrink` began, in place; `y` is [tokens, out]."""


def blocks_of(columns: Sequence[slice], device: torch.device) -> Tensor:
    """See `LowRank.blocks`."""
    blocks, output = [], 0
    for linear, each in enumerate(columns):
        for start in range(each.start, each.stop, BLOCK):
            end = min(start + BLOCK, each.stop)
            blocks.append((start, end, output, linear))
            output += end - start
    return torch.tensor(blocks, device=device)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding (Su et al. 2021); `sin` carries the sign of the first half."""
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, dims=-1), sin)
