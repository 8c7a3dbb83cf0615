"""What users, runs and admins did, on real tables, and a scan of all users by times.

The scan is what ticks of earlier releases did. It is right while the clock only goes ahead.
"""

from collections.abc import Iterable
from dataclasses import replace

from sqlite_utils import Database

from adapters_store.registry import Registry
from feedback.store.log import FeedbackLog
from scheduler.candidates import Candidates
from scheduler.policy import Candidate, is_due, needed_feedback
from scheduler.records import PolicyConfig, RunStatus
from scheduler.run_store import SCHEDULED, RunStore
from scheduler.unseen_feedback import UnseenFeedback
from tests.adapters_store.make import make_version
from tests.feedback.make import make_feedback, make_interaction


class History:
    """Each method is one act, `at` a time of its own."""

    def __init__(self) -> None:
        self.database = Database(memory=True)
        self.log = FeedbackLog(self.database)
        self.registry = Registry(self.database)
        self.runs = RunStore(self.database)
        self._num_turns = 0
        self.open_index()

    def open_index(self) -> None:
        """Start the server: make the index if there is none, and fail interrupted runs."""
        self.candidates = Candidates(UnseenFeedback(self.database), self.registry, self.runs)
        self.runs.fail_interrupted(0.0)

    def drop_index(self) -> None:
        """Leave the tables as an earlier release had them."""
        for row in list(self.database.query("SELECT name FROM sqlite_master WHERE type='trigger'")):
            self.database.execute(f"DROP TRIGGER {row['name']}")
        self.database.execute("DROP TABLE unseen_feedback")
        self.database.execute(
            "DELETE FROM _sqlite_migrations WHERE migration_set = 'scheduler_index'"
        )

    def like(self, user: str, item: str, at: float) -> None:
        """Have a user like a reply, again if the item exists."""
        self._num_turns += 1
        turn = make_interaction(f"c{self._num_turns}", user)
        self.log.store(turn)
        self.log.add_feedback(make_feedback(item, user, turn.id, value=1, at=at))

    def withdraw(self, user: str, item: str, at: float) -> None:
        """Have a user delete feedback, if it exists."""
        if any(each.id == item for each in self.log.list_feedback(user)[0]):
            self.log.delete_feedback(user, item, at)

    def start(self, user: str, at: float) -> None:
        """Start a run, if none is running."""
        run = self.runs.create(user, trigger=SCHEDULED, requested_by="x", at=at)
        self.runs.start(run.id, at)

    def end(self, user: str, status: RunStatus, dataset_hash: str | None, at: float) -> None:
        """End the user's run, if there is one."""
        if run := self.runs.open_run(user):
            self.runs.finish(run.id, status, "", at=at, dataset_hash=dataset_hash)

    def roll_back(self, user: str, at: float) -> None:
        """Promote a new version and roll it back."""
        number, active = self.registry.next_number(user), self.registry.active(user)
        expected = active.number if active else None
        self.registry.register(make_version(user, number))
        self.registry.promote(user, number, expected=expected, by="x", at=at, reason="")
        self.registry.roll_back(user, by="x", at=at, reason="")

    def freeze(self, user: str, is_frozen: bool, at: float) -> None:
        """Freeze a user's adapter, or unfreeze it."""
        self.registry.set_frozen(user, is_frozen, by="x", at=at)

    def erase(self, user: str) -> None:
        """Erase a user from all stores."""
        self.log.erase(user)
        self.runs.erase(user)
        self.registry.erase(user)

    def indexed(self) -> dict[str, int]:
        """How many items count as new, of each user in the index."""
        rows = self.database.query("SELECT user_id, items FROM unseen_feedback")
        return {row["user_id"]: row["items"] for row in rows}

    def users(self) -> set[str]:
        """The users with feedback for training, even if it is deleted."""
        return {row["user_id"] for row in self.database.query("SELECT user_id FROM feedback_audit")}

    def due(self, config: PolicyConfig, now: float) -> set[str]:
        """The users whom the index and the policy find."""
        return _due(self.candidates.with_new_feedback(needed_feedback(config), now), config, now)

    def due_by_scan(self, config: PolicyConfig, now: float) -> set[str]:
        """The users whom the policy finds among all users, by times."""
        return _due([self.by_time(user, now) for user in self.users()], config, now)

    def by_time(self, user: str, now: float) -> Candidate:
        """The facts about a user, counted by times."""
        seen = self._time(
            "SELECT max(started_at) AS at FROM runs WHERE user_id = ?"
            " AND status IN ('promoted', 'refused') AND dataset_hash IS NOT NULL",
            user,
        )
        rolled_back = self._time(
            "SELECT max(at) AS at FROM adapter_promotions WHERE user_id = ? AND undoes IS NOT NULL",
            user,
        )
        return replace(
            self.candidates.of(user, now),
            new_feedback=self._changed_since(user, seen),
            since_rollback=self._changed_since(user, rolled_back) if rolled_back > seen else None,
        )

    def _time(self, query: str, user: str) -> float:
        (row,) = self.database.query(query, [user])
        return float(row["at"] or 0.0)

    def _changed_since(self, user: str, time: float) -> int:
        (row,) = self.database.query(
            "SELECT count(DISTINCT feedback_id) AS n FROM feedback_audit"
            " WHERE user_id = ? AND at > ?",
            [user, time],
        )
        return int(row["n"])


def _due(candidates: Iterable[Candidate], config: PolicyConfig, now: float) -> set[str]:
    return {each.user_id for each in candidates if is_due(each, config, now).due}
