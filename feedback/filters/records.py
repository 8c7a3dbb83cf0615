"""What curation says of a row: kept or left out, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from feedback.records import EDITED, ExampleKind, TrainingExample

WRITTEN_BY_HAND = ("correction", EDITED)
"""The `source`s of rows whose reply a person wrote: only facts, never a measure, speak against."""


class Reason(StrEnum):
    """Why a row is left out."""

    CONTRADICTED = "contradicted"
    SECRET = "secret"
    EMPTY = "empty"
    TOO_LONG = "too long"
    GARBLED = "garbled"
    LOOPING = "looping"
    OTHER_SCRIPT = "other script"
    DUPLICATE = "near-duplicate"
    MISMATCH = "mismatch"
    STYLE = "style"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why a row is left out, in a word and in a sentence that quotes nothing of the row.

    `other` is the id of the row that took its place.
    """

    reason: Reason
    why: str
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """An example and when it was judged last, in UTC seconds."""

    example: TrainingExample
    judged_at: float

    @property
    def id(self) -> str:
        """The example's id."""
        return self.example.id

    @property
    def age(self) -> tuple[float, float, str]:
        """Sorts rows, the oldest first; no two are equal."""
        return self.judged_at, self.example.created_at, self.example.id

    @property
    def wants_reply(self) -> bool:
        """Whether there is a reply to learn; some rows only say which one was wrong."""
        return self.example.kind is not ExampleKind.UNDESIRABLE

    @property
    def is_written(self) -> bool:
        """Whether a person wrote the reply."""
        return self.example.source in WRITTEN_BY_HAND


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a row; `warnings` are sentences about one that is kept."""

    row: Row
    left_out: LeftOut | None
    warnings: tuple[str, ...] = ()


def kept(fates: Iterable[Fate]) -> tuple[TrainingExample, ...]:
    """The examples to learn from."""
    return tuple(each.row.example for each in fates if each.left_out is None)


def tally(rows: int, left_out: Iterable[LeftOut]) -> dict[str, Any]:
    """How many of `rows` rows are kept, and how many are left out by reason; JSON-ready."""
    reasons = Counter(each.reason.value for each in left_out)
    return {"kept": rows - reasons.total(), "left_out": dict(sorted(reasons.items()))}
