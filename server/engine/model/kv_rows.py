"""The cache of keys and values for `FusedLlama`; `GeneralRunner` has `row_cache`.

One row per reply, decoding rows first. The buffer grows by blocks of positions.
"""

import torch
from torch import Tensor

BLOCK = 256


class KeyValueRows:
    """[layers, 2, rows, kv heads, positions, head dim]: keys, then values."""

    def __init__(
        self,
        layers: int,
        rows: int,
        heads: int,
        head_dim: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        # Zeros, not empty: masked values are still multiplied by a zero weight.
        self.buffer = torch.zeros(layers, 2, rows, heads, 0, head_dim, dtype=dtype, device=device)

    def reserve(self, positions: int) -> None:
        """Make room for so many positions in every row, and for one that no row uses."""
        positions += 1
        length = self.buffer.shape[4]
        if positions <= length:
            return
        blocks = -(-max(positions, length + length // 2) // BLOCK)
        shape = list(self.buffer.shape)
        shape[4] = blocks * BLOCK
        grown = self.buffer.new_zeros(shape)
        grown[..., :length, :] = self.buffer
        self.buffer = grown

    def layer(self, index: int) -> Tensor:
        """One layer's [2, rows, kv heads, positions, head dim]."""
        return self.buffer[index]

    def save(self, row: int, length: int) -> Tensor:
        """Copy a row's first positions: [layers, 2, kv heads, length, head dim]."""
        return self.buffer[:, :, row, :, :length].clone()

    def restore(self, row: int, saved: Tensor, length: int) -> None:
        """Copy the first `length` saved positions into a row."""
        self.reserve(length)
        self.buffer[:, :, row, :, :length] = saved[..., :length, :]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a row's first `length` positions over another row."""
        self.buffer[:, :, target, :, :length] = self.buffer[:, :, source, :, :length]

    def release(self) -> None:
        """Free the memory, except on a GPU: graphs use it there. Call it while no row is in use."""
        if self.buffer.device.type != "cpu":
            return
        shape = list(self.buffer.shape)
        shape[4] = 0
        self.buffer = self.buffer.new_zeros(shape)
