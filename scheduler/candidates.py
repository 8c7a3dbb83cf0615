"""Gathers from the stores what the policy needs to know of each user."""

from adapters_store.registry import Registry
from scheduler.policy import Candidate
from scheduler.run_store import RunStore
from scheduler.unseen_feedback import UnseenFeedback

_DAY = 86400.0


class Candidates:
    """The facts about users that decide who is due."""

    def __init__(self, unseen: UnseenFeedback, registry: Registry, runs: RunStore) -> None:
        self._unseen = unseen
        self._registry = registry
        self._runs = runs

    def of(self, user_id: str, now: float) -> Candidate:
        """Return the facts about one user, also without any feedback."""
        last = self._runs.last_run(user_id)
        new_feedback, since_rollback = self._unseen.counts(user_id)
        return Candidate(
            user_id=user_id,
            new_feedback=new_feedback,
            since_rollback=since_rollback,
            has_withdrawal=self._unseen.has_withdrawal(user_id),
            last_run_at=None if last is None else last.finished_at,
            last_run_status=None if last is None else last.status,
            runs_today=self._runs.num_scheduled(user_id, now - _DAY, now),
            is_frozen=self._registry.is_frozen(user_id),
            has_open_run=self._runs.open_run(user_id) is not None,
        )

    def with_new_feedback(self, at_least: int, now: float) -> list[Candidate]:
        """Return the facts about the users with this much new feedback, or a withdrawal, and no
        open run."""
        return [self.of(user_id, now) for user_id in self._unseen.users(at_least)]
