"""Gathers from the three stores what the policy needs to know of each user."""

from adapters_store.registry import Registry
from feedback.store.log import FeedbackLog
from scheduler.policy import Candidate
from scheduler.run_store import RunStore

_DAY = 86400.0


class Candidates:
    """The facts about users that decide who is due."""

    def __init__(self, log: FeedbackLog, registry: Registry, runs: RunStore) -> None:
        self._log = log
        self._registry = registry
        self._runs = runs

    def of(self, user_id: str, now: float) -> Candidate:
        """Return the facts about one user, also without any feedback."""
        last = self._runs.last_run(user_id)
        verdict = self._runs.last_verdict(user_id)
        # A run reads the feedback when it starts; whatever comes later is new.
        seen_until = 0.0 if verdict is None else verdict.started_at or verdict.created_at
        rolled_back_at = self._registry.last_rollback_at(user_id)
        since_rollback = None
        if rolled_back_at is not None and rolled_back_at > seen_until:
            since_rollback = self._log.feedback_since(user_id, rolled_back_at)
        return Candidate(
            user_id=user_id,
            new_feedback=self._log.feedback_since(user_id, seen_until),
            since_rollback=since_rollback,
            last_run_at=None if last is None else last.finished_at,
            last_run_status=None if last is None else last.status,
            runs_today=self._runs.runs_since(user_id, now - _DAY),
            is_frozen=self._registry.is_frozen(user_id),
            has_open_run=self._runs.open_run(user_id) is not None,
        )

    def all(self, now: float) -> list[Candidate]:
        """Return the facts about every user with feedback or an adapter: a user who withdrew all
        feedback needs a run, too."""
        users = {*self._log.users_with_feedback(), *self._registry.users()}
        return [self.of(user_id, now) for user_id in sorted(users)]
