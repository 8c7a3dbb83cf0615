"""The vocabulary of the evaluation suite. Times are UTC seconds since the epoch as `float`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from scheduler.records import Progress


@dataclass(frozen=True, slots=True)
class SuiteConfig:
    """When the suite refuses a version, and whether it runs by itself.

    A measure refuses when its share is more than `max_drop` below the base's and an exact one-sided
    sign test over its prompts is significant at `level`; that of variety when it is below
    `min_variety` of the base's. With `nightly`, versions in use that were not measured yet are, at
    the nightly times.
    """

    level: float = 0.01
    max_drop: float = 0.1
    min_variety: float = 0.8
    nightly: bool = True


@dataclass(frozen=True, slots=True)
class SuitePrompt:
    """What the model is asked: greedily, or drawn at temperature 1 where there is a `seed`."""

    text: str
    max_tokens: int
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class SuiteReply:
    """What it replied; `is_truncated` where `max_tokens` ended it."""

    text: str
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its one right answer and wrong ones, all of them to be scored."""

    text: str
    right: str
    wrong: tuple[str, ...]

    @property
    def choices(self) -> "tuple[AnswerChoice, ...]":
        """The answers behind the question, the right one first."""
        return tuple(AnswerChoice(self.text, answer) for answer in (self.right, *self.wrong))


@dataclass(frozen=True, slots=True)
class AnswerChoice:
    """One answer behind its question."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Answers:
    """All that one model said. A likelihood is the mean log-probability per token, in nats."""

    replies: Mapping[SuitePrompt, SuiteReply]
    likelihoods: Mapping[AnswerChoice, float]


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing measured of the base and of an adapter; higher is better, 1 is best.

    `count` is of prompts, `sentence` says it to a person, `lost` are prompts on which the base did
    well and the adapter not, a few at most.
    """

    name: str
    base: float
    adapter: float
    count: int
    is_refused: bool
    sentence: str
    lost: tuple[str, ...] = ()


class SuiteStatus(StrEnum):
    """Where a run of the suite is: waiting, working, or ended in one of three ways."""

    QUEUED = "queued"
    RUNNING = "running"
    PASSED = "passed"
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self not in (SuiteStatus.QUEUED, SuiteStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """One run of the suite on one version: how far it is, what it measured, what that means."""

    id: str
    user_id: str
    version: int
    base_revision: str
    status: SuiteStatus
    trigger: str
    requested_by: str
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    progress: Progress = Progress()
    reason: str = ""
    measures: tuple[Measure, ...] = ()
