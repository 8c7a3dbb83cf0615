"""Keys and values of the replies being written, for the fused forward pass.

One row per reply; rows that decode come first. Buffers grow by blocks of positions.
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
        # Zeros, not empty: what a mask hides is still multiplied by a zero weight.
        self._buffer = torch.zeros(layers, 2, rows, heads, 0, head_dim, dtype=dtype, device=device)

    def reserve(self, positions: int) -> None:
        """Make room for that many positions in every row."""
        length = self._buffer.shape[4]
        if positions <= length:
            return
        blocks = -(-max(positions, length + length // 2) // BLOCK)
        shape = list(self._buffer.shape)
        shape[4] = blocks * BLOCK
        grown = self._buffer.new_zeros(shape)
        grown[..., :length, :] = self._buffer
        self._buffer = grown

    def layer(self, index: int) -> Tensor:
        """One layer's [2, rows, kv heads, positions, head dim]."""
        return self._buffer[index]

    def save(self, row: int, length: int) -> Tensor:
        """Copy a row's first positions: [layers, 2, kv heads, length, head dim]."""
        return self._buffer[:, :, row, :, :length].clone()

    def restore(self, row: int, saved: Tensor, length: int) -> None:
        """Let a row begin with the first `length` positions of what was saved."""
        self.reserve(length)
        self._buffer[:, :, row, :, :length] = saved[..., :length, :]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a row's first `length` positions over another row."""
        self._buffer[:, :, target, :, :length] = self._buffer[:, :, source, :, :length]

    def release(self) -> None:
        """Give the memory back; call only while no row is in use."""
        shape = list(self._buffer.shape)
        shape[4] = 0
        self._buffer = self._buffer.new_zeros(shape)
