"""What was measured of hand-written users: replies, by user, point, arm and situation."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from tests.benchmarks.finished import Finished
from tests.benchmarks.learning.results import Arm, Run

ROOT = Path(__file__).parents[3]
LEARNS = ("feedback", "scheduler", "server/background", "server/chat")
"""Where the code lies that these figures are about."""


class Situation(StrEnum):
    """Where an unseen prompt stands: in a new chat, after two other exchanges, under a system
    prompt, or it is a plain question, in a new chat or after the two exchanges."""

    FIRST = "first"
    THIRD = "third"
    SYSTEM = "system"
    PLAIN = "plain"
    PLAIN_THIRD = "plain_third"

    @property
    def is_plain(self) -> bool:
        """Whether plain questions are asked."""
        return self in (Situation.PLAIN, Situation.PLAIN_THIRD)


@dataclass(frozen=True, slots=True)
class Key:
    """What identifies a measurement; `lessons` is how much feedback the user had given."""

    user: str
    lessons: int
    arm: Arm
    situation: Situation


@dataclass(frozen=True, slots=True)
class Measured:
    """The replies, in the order of the user's questions, and what memory added to the prompts."""

    key: Key
    replies: tuple[str, ...]
    memory_tokens: float
    run: Run | None
    measured_at: str


def results_file(folder: Path, part: str, model: str) -> Path:
    """The file of a benchmark's part, of a base model and of the code that learns, as it is now."""
    digest = sha256()
    for path in _sources():
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return folder / f"{part}-{model}-{digest.hexdigest()[:10]}.jsonl"


class Results(Finished[Key, Measured]):
    """Every measurement of one file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, Measured, lambda each: each.key)


def _sources() -> Iterator[Path]:
    for folder in LEARNS:
        yield from sorted((ROOT / folder).rglob("*.py"))
