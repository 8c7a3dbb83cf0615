"""A piece of a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass


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
