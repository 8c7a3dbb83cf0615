"""The cache of keys and values for `GeneralRunner`; `FusedLlama` has `kv_rows`.

One row per reply, packed from 0. Before each forward pass the runner says which rows and positions
it writes; then transformers' attention layers call `update`.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import Cache

BLOCK = 256


class RowCache(Cache):  # type: ignore[misc]
    """Per layer, keys and values of shape [rows, kv heads, positions, head dim].

    Rows have lengths of their own. Buffers grow by rows and by blocks of positions.
    """

    def __init__(self) -> None:
        super().__init__(layers=[])
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._rows = slice(0, 0)
        self._positions: Tensor | None = None  # [rows] while decoding
        self._start = 0
        self._end = 0

    def begin_prefill(self, row: int, start: int, tokens: int) -> None:
        """The next forward pass writes positions start..start + tokens of one row."""
        self._rows = slice(row, row + 1)
        self._positions = None
        self._start, self._end = start, start + tokens

    def begin_decode(self, positions: Tensor) -> None:
        """The next forward pass writes one position of each of the first rows: [rows], int64."""
        self._rows = slice(0, len(positions))
        self._positions = positions
        self._end = int(positions.max()) + 1

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Store one layer's new keys and values; return those that its queries may attend to."""
        if layer_idx == len(self._keys):
            self._keys.append(_empty_like(key_states))
            self._values.append(_empty_like(value_states))
        keys = self._keys[layer_idx] = self._grown(self._keys[layer_idx])
        values = self._values[layer_idx] = self._grown(self._values[layer_idx])
        self._write(keys, key_states)
        self._write(values, value_states)
        return keys[self._rows, :, : self._end], values[self._rows, :, : self._end]

    def save(self, row: int, length: int) -> tuple[Tensor, ...]:
        """Copy a row's first positions: keys and values of every layer, [kv heads, length, dim]."""
        return tuple(buffer[row, :, :length].clone() for buffer in (*self._keys, *self._values))

    def restore(self, row: int, saved: tuple[Tensor, ...], length: int) -> None:
        """Copy the first `length` saved positions into a row."""
        layers = len(saved) // 2
        if not self._keys:
            self._keys = [_empty_like(states[None]) for states in saved[:layers]]
            self._values = [_empty_like(states[None]) for states in saved[layers:]]
        self.begin_prefill(row, 0, length)
        for buffers, parts in ((self._keys, saved[:layers]), (self._values, saved[layers:])):
            for i, states in enumerate(parts):
                buffers[i] = self._grown(buffers[i])
                buffers[i][row, :, :length] = states[:, :length]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a row's first `length` positions over another row."""
        for buffer in (*self._keys, *self._values):
            buffer[target, :, :length] = buffer[source, :, :length]

    def release(self) -> None:
        """Drop all buffers."""
        self._keys.clear()
        self._values.clear()

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Positions written before this pass. The runner makes the masks itself."""
        return self._start if self._positions is None else self._end - 1

    def _write(self, buffer: Tensor, states: Tensor) -> None:
        if self._positions is None:
            buffer[self._rows, :, self._start : self._end] = states
        else:
            rows = torch.arange(len(self._positions), device=buffer.device)
            buffer[rows, :, self._positions] = states[:, :, 0]

    def _grown(self, buffer: Tensor) -> Tensor:
        rows, heads, length, dim = buffer.shape
        if self._rows.stop <= rows and self._end <= length:
            return buffer
        blocks = -(-self._end // BLOCK)
        # Zeros, not empty: masked values are still multiplied by a zero weight.
        grown = buffer.new_zeros(
            max(self._rows.stop, rows), heads, max(blocks * BLOCK, length), dim
        )
        grown[:rows, :, :length] = buffer
        return grown


def _empty_like(states: Tensor) -> Tensor:
    return states.new_zeros(0, states.shape[1], 0, states.shape[3])
