"""What was measured of writers: their trainings, their adapters, and the scores of edits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.finished import Finished
from tests.benchmarks.learning.results import Run
from tests.benchmarks.real_users.results import results_file
from tests.benchmarks.writers.rows import Row
from tests.benchmarks.writers.users import WritingUser

BASE = "base"


@dataclass(frozen=True, slots=True)
class Trained:
    """A user's training. Only a promoted one has an adapter."""

    user: str
    run: Run


@dataclass(frozen=True, slots=True)
class Scored:
    """The mean log-probability per token of a row's edits under `who`, in nats, in their order."""

    who: str
    row: str
    log_probs: tuple[float, ...]


class WritersResults:
    """All results of a base model and of the code that learns, as it is now."""

    def __init__(self, folder: Path, model: str) -> None:
        trained = results_file(folder, "writers", model)
        scored = results_file(folder, "writers-scores", model)
        self.trained = Finished(trained, Trained, lambda each: each.user)
        self.scored = Finished(scored, Scored, lambda each: (each.who, each.row))
        self._adapters = trained.with_suffix("")

    def adapter(self, user: str) -> Path:
        """The PEFT folder of a user whose training was promoted."""
        return self._adapters / user

    def is_promoted(self, user: str) -> bool:
        """Whether the user has an adapter."""
        found = self.trained.get(user)
        return found is not None and found.run.status == "promoted"

    def unscored(self, users: Sequence[WritingUser], rows: Sequence[Row]) -> list[str]:
        """Who has not scored all rows yet, of the base and the users with an adapter.

        Without any adapter the base is not needed either.
        """
        adapters = [user.name for user in users if self.is_promoted(user.name)]
        return [
            who
            for who in (BASE, *adapters)
            if adapters and any((who, row.id) not in self.scored for row in rows)
        ]
