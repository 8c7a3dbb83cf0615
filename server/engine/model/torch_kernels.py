"""`Kernels` in PyTorch: the reference for `TritonKernels`, and what runs where Triton does not."""

import torch
import torch.nn.functional as F
from torch import Tensor

from server.engine.model.kernels import LowRank, rotate
from server.engine.model.token_tiles import NO_SLOT, TokenTiles


class TorchKernels:
    """See `Kernels`."""

    def begin_step(self) -> None:
        """See `Kernels.begin_step`."""

    def attend(
        self, qkv: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, places: Tensor
    ) -> Tensor:
        """See `Kernels.attend`."""
        count, _, dim = qkv.shape
        kv_heads = keys.shape[1]
        rotated = rotate(qkv[:, :-kv_heads], cos, sin)
        rows = torch.arange(count, device=qkv.device)
        # Padding writes to place -1, the last.
        keys[rows, :, places] = rotated[:, -kv_heads:]
        values[rows, :, places] = qkv[:, -kv_heads:]
        # The query heads of one key head attend like tokens with the same past.
        queries = rotated[:, :-kv_heads].view(count, kv_heads, -1, dim)
        positions = torch.arange(keys.shape[2], device=qkv.device)
        visible = (positions <= places.clamp(min=0)[:, None])[:, None, None]
        mixed = F.scaled_dot_product_attention(
            queries, keys[:count], values[:count], attn_mask=visible
        )
        return mixed.reshape(count, -1)

    def shrink(self, x: Tensor, tiles: TokenTiles, weights: LowRank) -> Tensor:
        """See `Kernels.shrink`. Returns [tiles, width, linears * rank]."""
        tokens, _ = _tokens_of(tiles, len(x))
        return torch.bmm(x[tokens], weights.a[tiles.slots.clamp(min=0)].to(x.dtype).mT)

    def expand(self, y: Tensor, low: Tensor, tiles: TokenTiles, weights: LowRank) -> None:
        """See `Kernels.expand`."""
        tokens, is_own = _tokens_of(tiles, len(y))
        b = weights.b[tiles.slots.clamp(min=0)].to(y.dtype)
        sizes = [each.stop - each.start for each in weights.columns]
        parts = low.chunk(len(sizes), dim=-1), torch.split(b, sizes, dim=1)
        for columns, small, large in zip(weights.columns, *parts, strict=True):
            added = torch.bmm(small, large.mT).masked_fill(~is_own[..., None], 0)
            y[:, columns].index_add_(0, tokens.flatten(), added.flatten(0, 1))


def _tokens_of(tiles: TokenTiles, count: int) -> tuple[Tensor, Tensor]:
    """Tokens in a rectangle [tiles, width], and which of them have the tile's adapter."""
    tokens = tiles.bounds[:-1, None] + torch.arange(tiles.width, device=tiles.bounds.device)
    is_own = (tokens < tiles.bounds[1:, None]) & (tiles.slots != NO_SLOT)[:, None]
    return tokens.clamp(max=count - 1), is_own
