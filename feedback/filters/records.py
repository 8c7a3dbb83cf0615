"""What curation says of a row: kept or left out, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from feedback.records import ExampleKind, TrainingExample


class RejectionReason(StrEnum):
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
class Rejection:
    """Why a row is left out, in a word and in a sentence that quotes nothing of the row.

    `other` is the id of the row that took its place.
    """

    reason: RejectionReason
    why: str
    other: str | None = None


@dataclass(frozen=True, slots=True)
class DatedExample:
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
        return self.example.source.is_hand_written


@dataclass(frozen=True, slots=True)
class FilterResult:
    """What becomes of a row; `warnings` are sentences about one that is kept."""

    dated: DatedExample
    rejection: Rejection | None
    warnings: tuple[str, ...] = ()


def accepted(results: Iterable[FilterResult]) -> tuple[TrainingExample, ...]:
    """The examples to learn from."""
    return tuple(each.dated.example for each in results if each.rejection is None)


def tally(rows: int, rejections: Iterable[Rejection]) -> dict[str, Any]:
    """How many of `rows` rows are kept, and how many are left out by reason; JSON-ready."""
    reasons = Counter(each.reason.value for each in rejections)
    return {"accepted": rows - reasons.total(), "rejected": dict(sorted(reasons.items()))}
