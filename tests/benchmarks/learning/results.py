"""What simulated users' measurements are of, and what each one kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.benchmarks.finished import Finished


class Arm(StrEnum):
    """Who answers: the base alone, with memory, the adapter alone, or the adapter with memory."""

    BASE = "base"
    MEMORY = "memory"
    WEIGHTS = "weights"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Point:
    """What a user has judged so far."""

    corrections: int = 0
    thumbs: int = 0

    def __str__(self) -> str:
        count, noun = (self.ratings, "thumb") if self.ratings else (self.corrections, "correction")
        return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@dataclass(frozen=True, slots=True)
class Key:
    """What one measurement is of.

    `is_exempt`: of the persona's exempt prompts, not of the unseen ones. The base's replies to
    unseen prompts are everybody's, so they have no persona.
    """

    persona: str
    seed: int
    point: Point
    arm: Arm
    is_exempt: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said to which prompt, and why it ended."""

    prompt: str
    text: str
    finish_reason: str


@dataclass(frozen=True, slots=True)
class Run:
    """The training before a measurement.

    `judged` is how many judgements there were for it: fewer than the point asks for where the
    prompts ran out. `seconds` are from asking for it to its end. `report` is the admin API's.
    """

    status: str
    reason: str
    seconds: float
    judged: int
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The replies of one arm at one point; `measured_at` is a date and time in UTC."""

    key: Key
    replies: tuple[Reply, ...]
    run: Run | None
    measured_at: str


class Results(Finished[Key, Measurement]):
    """Every measurement of one file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, Measurement, lambda measurement: measurement.key)
