"""Finished measurements in a file of JSON lines, so that a second run goes on where one ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter


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
        count, noun = (self.thumbs, "thumb") if self.thumbs else (self.corrections, "correction")
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
    prompts ran out. `seconds` are from the last judgement to the end of the run.
    """

    status: str
    reason: str
    seconds: float
    judged: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """The replies of one arm at one point; `measured_at` is a date and time in UTC."""

    key: Key
    replies: tuple[Reply, ...]
    run: Run | None
    measured_at: str


_LINE = TypeAdapter(Measurement)


class Results:
    """Every measurement of one file. Raises `ValueError` where a whole line cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[Key, Measurement] = {}
        if path.exists():
            content = path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:  # the last run was ended while it wrote
                path.write_bytes(whole)
            self._remember([_LINE.validate_json(line) for line in whole.splitlines()])

    def __contains__(self, key: object) -> bool:
        return key in self._found

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self._found.values())

    def get(self, key: Key) -> Measurement | None:
        """One measurement, where it is finished."""
        return self._found.get(key)

    def append(self, measurements: Sequence[Measurement]) -> None:
        """Keep these, on disk too."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(b"".join(_LINE.dump_json(each) + b"\n" for each in measurements))
        self._remember(measurements)

    def _remember(self, measurements: Sequence[Measurement]) -> None:
        self._found.update((each.key, each) for each in measurements)
