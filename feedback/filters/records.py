"""The result of filtering an example: accepted or rejected, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from feedback.records import ExampleKind, ExampleSource, TrainingExample


class RejectionReason(StrEnum):
    """Why an example is rejected."""

    CONTRADICTED = "contradicted"
    SECRET = "secret"
    EMPTY = "empty"
    TOO_LONG = "too long"
    GARBLED = "garbled"
    LOOPING = "looping"
    DUPLICATE = "near-duplicate"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an example is rejected, in a word and in a sentence that quotes nothing of it.

    `other` is the id of the example that replaced it.
    """

    reason: RejectionReason
    why: str
    other: str | None = None


@dataclass(frozen=True, slots=True)
class DatedExample:
    """An example and the time of its newest feedback, in UTC seconds."""

    example: TrainingExample
    feedback_at: float

    @property
    def id(self) -> str:
        """The example's id."""
        return self.example.id

    @property
    def age(self) -> tuple[float, float, str]:
        """Sort key: the oldest first; no two are equal."""
        return self.feedback_at, self.example.created_at, self.example.id

    @property
    def has_chosen(self) -> bool:
        """Whether there is a reply to learn; some examples only say which one was wrong."""
        return self.example.kind is not ExampleKind.UNDESIRABLE

    @property
    def is_hand_written(self) -> bool:
        """Whether a person wrote the reply; filters that measure never reject it."""
        return self.example.source is ExampleSource.CORRECTION


@dataclass(frozen=True, slots=True)
class FilterResult:
    """An example with its rejection, if any; `warnings` are sentences about an accepted one."""

    dated: DatedExample
    rejection: Rejection | None
    warnings: tuple[str, ...] = ()


def accepted(results: Iterable[FilterResult]) -> tuple[TrainingExample, ...]:
    """The accepted examples."""
    return tuple(each.dated.example for each in results if each.rejection is None)


def tally(total: int, rejections: Iterable[Rejection]) -> dict[str, Any]:
    """How many of `total` examples are accepted, and how many rejected by reason; JSON-ready."""
    reasons = Counter(each.reason.value for each in rejections)
    return {"accepted": total - reasons.total(), "rejected": dict(sorted(reasons.items()))}
