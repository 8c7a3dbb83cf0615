"""Runs the model: token ids in, logits out. Tensors without policy.

`FusedLlama` runs Llama-like models, `GeneralRunner` the rest through transformers' modules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

PackedAdapter = Any
"""One adapter in memory, in its runner's layout: a mapping or a sequence of tensors."""
SavedPrefix = Any
"""Keys and values of a row's first positions: a tensor or a sequence of tensors."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive tokens of one row's prompt, the first at position `start`.

    Logits are wanted after the prompt's last token, and in a scored chunk after every token.
    """

    row: int
    start: int
    tokens: Sequence[int]
    is_last: bool
    is_scored: bool = False

    @property
    def end(self) -> int:
        """The position after the last token."""
        return self.start + len(self.tokens)

    @property
    def num_logits(self) -> int:
        """After how many of its last tokens logits are wanted."""
        return len(self.tokens) if self.is_scored else int(self.is_last)


class StoredAdapters(Protocol):
    """Keeps packed adapters in the folders of their weights."""

    def read(self, folder: Path, checksum: str) -> PackedAdapter | None:
        """A folder's packed adapter, if it has one of the weights with this SHA-256."""

    def write(self, folder: Path, checksum: str, adapter: PackedAdapter) -> None:
        """Keep a packed adapter; if that fails it is packed again the next time."""


class Runner(Protocol):
    """Runs steps on the rows of its cache; decoding rows come first.

    `stored_adapters` is None if packed adapters are only kept in memory.
    """

    @property
    def stored_adapters(self) -> StoredAdapters | None: ...

    def pack(self, tensors: Mapping[str, Tensor]) -> PackedAdapter:
        """Check and lay out one adapter, in PEFT's names and shapes; safe on any thread.

        Raises `KeyError` for a missing tensor and `ValueError` for a wrong shape.
        """

    def bind(self, row: int, adapter: PackedAdapter | None) -> None:
        """Give a row this adapter from the next step on; None is the base."""

    def run(self, tokens: Sequence[int], lengths: Sequence[int], chunks: Sequence[Chunk]) -> Tensor:
        """Extend the first rows by one token each, and following rows by chunks of their prompts.

        `chunks` are of consecutive rows; `lengths` are the cached positions of the decoding rows.
        Returns logits [decoding rows + the chunks' `num_logits`, vocabulary] for the next tokens,
        in that order and in the model's dtype.
        """

    def save(self, row: int, length: int) -> SavedPrefix:
        """Copy the keys and values of a row's first positions."""

    def restore(self, row: int, saved: SavedPrefix, length: int) -> None:
        """Copy the first `length` saved positions into a row."""

    def move_row(self, source: int, target: int, length: int) -> None:
        """Copy a row's first positions to another row; the caller binds its adapter again."""

    def release(self) -> None:
        """Free the cache's memory; call it only while no row is in use."""


def size_bytes(held: PackedAdapter | SavedPrefix) -> int:
    """The memory of a packed adapter or a saved prefix."""
    if isinstance(held, Tensor):
        return held.nbytes
    parts = held.values() if isinstance(held, Mapping) else held
    return sum(part.nbytes for part in parts)
