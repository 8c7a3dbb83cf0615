"""The vocabulary of the evaluation suite. Times are UTC seconds since the epoch as `float`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from feedback.records import Message
from scheduler.measure import Measure
from scheduler.records import Progress
from scheduler.served_model import Prompt, Reply


@dataclass(frozen=True, slots=True)
class SuiteConfig:
    """When the suite refuses a version, and whether it runs at night.

    A measure refuses a version if its share is more than `max_drop` below the base's, or distinct-2
    below `min_diversity` times the base's, and an exact one-sided sign test is significant at
    `level`. With `nightly`, versions in use that were not measured yet are measured at night.
    """

    level: float = 0.01
    max_drop: float = 0.1
    min_diversity: float = 0.8
    nightly: bool = True


@dataclass(frozen=True, slots=True)
class SuitePrompt:
    """A prompt, to be answered greedily, or at temperature 1 if there is a `seed`."""

    text: str
    max_tokens: int
    seed: int | None = None

    @property
    def as_prompt(self) -> Prompt:
        """The prompt as the served model takes it."""
        return Prompt((Message("user", self.text),), self.max_tokens, self.seed)


@dataclass(frozen=True, slots=True)
class SuiteReply:
    """A reply; `is_truncated` if `max_tokens` ended it."""

    text: str
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its one right answer and wrong ones, all to be scored."""

    text: str
    right: str
    wrong: tuple[str, ...]

    @property
    def choices(self) -> "tuple[AnswerChoice, ...]":
        """The answers to the question, the right one first."""
        return tuple(AnswerChoice(self.text, answer) for answer in (self.right, *self.wrong))


@dataclass(frozen=True, slots=True)
class AnswerChoice:
    """One answer to a question."""

    question: str
    answer: str

    @property
    def as_reply(self) -> Reply:
        """The answer as the served model scores it: without an end, which says nothing of it."""
        return Reply((Message("user", self.question),), self.answer, is_truncated=True)


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers of one model. A likelihood is the mean log-probability per token, in nats."""

    replies: Mapping[SuitePrompt, SuiteReply]
    likelihoods: Mapping[AnswerChoice, float]


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
    """One run of the suite on one version: its progress, measures and verdict."""

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
