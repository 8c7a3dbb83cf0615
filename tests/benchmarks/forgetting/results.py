"""What is kept: the adapters, what they and the base wrote, and how likely they find answers."""

from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.finished import Finished
from tests.benchmarks.learning.results import Reply, Run

BASE = "base"


@dataclass(frozen=True, slots=True)
class Learner:
    """A persona after so many corrections. Its name is that of the adapter."""

    persona: str
    corrections: int

    @property
    def name(self) -> str:
        """Such as `lower-20`."""
        return f"{self.persona}-{self.corrections}"


@dataclass(frozen=True, slots=True)
class Learned:
    """A training; only what was promoted has an adapter."""

    learner: Learner
    run: Run


@dataclass(frozen=True, slots=True)
class Written:
    """What `who`, the base or an adapter, replied in at most `max_tokens` tokens."""

    who: str
    max_tokens: int
    reply: Reply


@dataclass(frozen=True, slots=True)
class ScoredAnswers:
    """The log-probabilities of a question's answers, in nats, in the data's order."""

    who: str
    question: str
    log_probs: tuple[float, ...]


class ForgettingResults:
    """The files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.learned = Finished(folder / "forgetting.jsonl", Learned, lambda each: each.learner)
        self.written = Finished(
            folder / "forgetting-ifeval.jsonl",
            Written,
            lambda each: (each.who, each.max_tokens, each.reply.prompt),
        )
        self.weighed = Finished(
            folder / "forgetting-truthfulqa.jsonl", ScoredAnswers, lambda each: (each.who, each.question)
        )
        self._adapters = folder / "forgetting-adapters"

    def adapter(self, learner: Learner) -> Path:
        """The PEFT folder of a learner that was promoted."""
        return self._adapters / learner.name

    def promoted(self, learner: Learner) -> bool:
        """Whether it has an adapter."""
        learned = self.learned.get(learner)
        return learned is not None and learned.run.status == "promoted"
