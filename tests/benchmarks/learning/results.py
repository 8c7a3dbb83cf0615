"""Measurements of simulated users: their keys, replies and trainings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.benchmarks.finished import Finished


class Arm(StrEnum):
    """Which model replies: the base, the base with memory, the adapter, the adapter with memory."""

    BASE = "base"
    MEMORY = "memory"
    WEIGHTS = "weights"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Point:
    """How much feedback a user has given so far."""

    corrections: int = 0
    ratings: int = 0

    def __str__(self) -> str:
        count, noun = (self.ratings, "rating") if self.ratings else (self.corrections, "correction")
        return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@dataclass(frozen=True, slots=True)
class Key:
    """What identifies a measurement.

    `is_exempt`: it uses the persona's exempt prompts, not the unseen ones. The base's replies to
    unseen prompts are the same for everybody, so they have no persona.
    """

    persona: str
    seed: int
    point: Point
    arm: Arm
    is_exempt: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, the id of its prompt, and why it ended."""

    prompt: str
    text: str
    finish_reason: str


@dataclass(frozen=True, slots=True)
class Run:
    """The training before a measurement.

    `num_feedback` is how many items of feedback there were: fewer than the point asks for if the
    prompts ran out. `seconds` are from the request to the end. `report` is the admin API's.
    """

    status: str
    reason: str
    seconds: float
    num_feedback: int
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
