"""What runs the model: token ids in, logits out. Tensors without policy.

There are two: the fused pass for Llama and its like, and transformers' modules for the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

PackedAdapter = Any
"""One adapter in memory, as its runner wants it: a mapping or a sequence of tensors."""
SavedPrefix = Any
"""Keys and values of a row's first positions: a tensor or a sequence of tensors."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive tokens of one row's prompt, the first at position `start`."""

    row: int
    start: int
    tokens: Sequence[int]
    is_last: bool

    @property
    def end(self) -> int:
        """The position after the last token."""
        return self.start + len(self.tokens)


class Runner(Protocol):
    """Rows are those of the cache. The rows that decode come first."""

    def pack(self, tensors: Mapping[str, Tensor]) -> PackedAdapter:
        """Check one adapter, named and shaped as PEFT writes it, and lay it out; on any thread.

        Raises `KeyError` for a missing tensor and `ValueError` for a wrong shape.
        """
        ...

    def bind(self, row: int, adapter: PackedAdapter | None) -> None:
        """Let a row write with this adapter from the next step on; None is the base."""
        ...

    def run(self, tokens: Sequence[int], lengths: Sequence[int], chunks: Sequence[Chunk]) -> Tensor:
        """Extend the first rows by one token each, and following rows by chunks of their prompts.

        `chunks` are of consecutive rows; `lengths` are the cached positions of the decoding rows.
        Returns logits [decoding rows + last chunks, vocabulary] for the next tokens, in that order
        and in the model's dtype.
        """
        ...

    def save(self, row: int, length: int) -> SavedPrefix:
        """Copy a row's keys and values of the first positions."""
        ...

    def restore(self, row: int, saved: SavedPrefix, length: int) -> None:
        """Let a row begin with the first positions of what was saved."""
        ...

    def move_row(self, source: int, target: int, length: int) -> None:
        """Let the keys and values of a row continue in another row; its adapter is bound anew."""
        ...

    def release(self) -> None:
        """Give the cache's memory back; call only while no row is in use."""
        ...


def size_bytes(held: PackedAdapter | SavedPrefix) -> int:
    """How much memory packed adapters and saved prefixes take."""
    if isinstance(held, Tensor):
        return held.nbytes
    parts = held.values() if isinstance(held, Mapping) else held
    return sum(part.nbytes for part in parts)
