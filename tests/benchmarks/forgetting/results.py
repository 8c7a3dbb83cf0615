"""Finished results: the adapters, their and the base's replies, and the scores of answers."""

from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.finished import Finished
from tests.benchmarks.learning.results import Reply, Run

BASE = "base"


@dataclass(frozen=True, slots=True)
class Learner:
    """A persona that gives so many corrections. Its adapter has the same name."""

    persona: str
    corrections: int

    @property
    def name(self) -> str:
        """Such as `lower-20`."""
        return f"{self.persona}-{self.corrections}"


@dataclass(frozen=True, slots=True)
class Learned:
    """A training. Only a promoted one has an adapter."""

    learner: Learner
    run: Run


@dataclass(frozen=True, slots=True)
class Written:
    """A reply of `who`, the base or an adapter, of at most `max_tokens` tokens."""

    who: str
    max_tokens: int
    reply: Reply


@dataclass(frozen=True, slots=True)
class ScoredAnswers:
    """The log-probabilities of a question's answers under `who`, in nats, in the data's order."""

    who: str
    question: str
    log_probs: tuple[float, ...]


class ForgettingResults:
    """All results in one folder."""

    def __init__(self, folder: Path) -> None:
        self.learned = Finished(folder / "forgetting.jsonl", Learned, lambda each: each.learner)
        self.written = Finished(
            folder / "forgetting-ifeval.jsonl",
            Written,
            lambda each: (each.who, each.max_tokens, each.reply.prompt),
        )
        self.scored = Finished(
            folder / "forgetting-truthfulqa.jsonl",
            ScoredAnswers,
            lambda each: (each.who, each.question),
        )
        self._adapters = folder / "forgetting-adapters"

    def adapter(self, learner: Learner) -> Path:
        """The PEFT folder of a learner that was promoted."""
        return self._adapters / learner.name

    def promoted(self, learner: Learner) -> bool:
        """Whether it has an adapter."""
        learned = self.learned.get(learner)
        return learned is not None and learned.run.status == "promoted"
