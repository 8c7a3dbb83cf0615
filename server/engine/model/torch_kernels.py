"""`Kernels` in PyTorch: for a GPU, and the reference for `CpuKernels`."""

import torch
import torch.nn.functional as F
from torch import Tensor

from server.engine.model.kernels import LowRank, rotate
from server.engine.model.token_rows import TokenRows


class TorchKernels:
    """See `Kernels`."""

    def begin_step(self) -> None:
        """See `Kernels.begin_step`."""

    def rms_norm(self, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        """See `Kernels.rms_norm`."""
        return F.rms_norm(x, weight.shape, weight, epsilon)

    def attend(
        self, qkv: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, lengths: Tensor
    ) -> Tensor:
        """See `Kernels.attend`."""
        count, _, dim = qkv.shape
        kv_heads = keys.shape[1]
        rotated = rotate(qkv[:, :-kv_heads], cos, sin)
        rows = torch.arange(count, device=qkv.device)
        keys[rows, :, lengths] = rotated[:, -kv_heads:]
        values[rows, :, lengths] = qkv[:, -kv_heads:]
        # The query heads of one key head attend like tokens with the same past.
        queries = rotated[:, :-kv_heads].view(count, kv_heads, -1, dim)
        positions = torch.arange(keys.shape[2], device=qkv.device)
        visible = (positions <= lengths[:, None])[:, None, None]
        mixed = F.scaled_dot_product_attention(
            queries, keys[:count], values[:count], attn_mask=visible
        )
        return mixed.reshape(count, -1)

    def operand(self, tensor: Tensor) -> Tensor:
        """See `Kernels.operand`."""
        return tensor

    def add_low_rank(
        self, y: Tensor, x: Tensor, rows: TokenRows, weights: LowRank, scaling: float
    ) -> None:
        """See `Kernels.add_low_rank`."""
        count = rows.decoding
        if count:
            each = LowRank(weights.a[:count], weights.b[:count], weights.sources)
            y[:count] += _low_rank(x[:count, None], each)[:, 0] * scaling
        if rows.chunks:
            chunks = rows.padded_chunks
            each = LowRank(weights.a[chunks.rows], weights.b[chunks.rows], weights.sources)
            added = _low_rank(x[chunks.padded].view(len(each.a), chunks.length, -1), each)
            y[count:] += added.flatten(0, 1)[chunks.unpadded] * scaling


def _low_rank(x: Tensor, weights: LowRank) -> Tensor:
    """B A x for `x` [rows, tokens, in]: [rows, tokens, out]."""
    a, b, sources = weights
    rows, tokens, _ = x.shape
    _, blocks, rank, size = b.shape
    low = torch.bmm(x, a.to(x.dtype).mT).view(rows, tokens, -1, rank)
    # One product over all blocks; `sources` says which part each block takes.
    low = low[:, :, sources].transpose(1, 2).flatten(0, 1)
    out = torch.bmm(low, b.to(x.dtype).flatten(0, 1)).view(rows, blocks, tokens, size)
    return out.transpose(1, 2).flatten(2)
