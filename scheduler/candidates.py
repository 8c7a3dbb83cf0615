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
        return self._of(user_id, now, self._runs.open_run(user_id) is not None)

    def with_new_feedback(self, at_least: int, now: float) -> list[Candidate]:
        """Return the facts about the users with this much new feedback, or a withdrawal, and no
        open run."""
        users = self._unseen.users(at_least)
        return [self._of(user_id, now, has_open_run=False) for user_id in users]

    def _of(self, user_id: str, now: float, has_open_run: bool) -> Candidate:
        unseen = self._unseen.of(user_id)
        past = self._runs.past(user_id, now - _DAY, now)
        return Candidate(
            user_id=user_id,
            new_feedback=unseen.items,
            since_rollback=unseen.since_rollback,
            has_withdrawal=unseen.has_withdrawal,
            last_run_at=past.ended_at,
            last_run_status=past.status,
            runs_today=past.num_scheduled,
            is_frozen=self._registry.is_frozen(user_id),
            has_open_run=has_open_run,
        )
