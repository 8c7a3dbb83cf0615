"""Rolls back provisional versions whose replies got worse."""

import logging
from collections.abc import Callable, Iterable

from adapters_store.errors import AdapterConflictError, AdapterNotFoundError
from adapters_store.records import AdapterVersion, Promotion
from adapters_store.registry import Registry
from feedback.judged_replies import RatedReply, rated_replies
from feedback.store.log import FeedbackLog
from scheduler.evaluation.sequential_test import HISTORY, RatingCounts, why_roll_back
from scheduler.version_report import report_of

ACTOR = "watch"
"""Recorded as the user who rolled back."""

_log = logging.getLogger(__name__)


class RollbackMonitor:
    """Compares ratings of a provisional version with earlier ones. `clock` gives UTC seconds."""

    def __init__(self, log: FeedbackLog, registry: Registry, clock: Callable[[], float]) -> None:
        self._log = log
        self._registry = registry
        self._clock = clock

    def look(self) -> list[Promotion]:
        """Roll back the versions that got worse, except frozen ones."""
        moves = [self._look_at(user_id) for user_id in self._registry.users()]
        return [move for move in moves if move is not None]

    def _look_at(self, user_id: str) -> Promotion | None:
        version = self._registry.active(user_id)
        if version is None or not report_of(version).is_provisional:
            return None
        if self._registry.is_frozen(user_id):
            return None
        moves = self._registry.promotions(user_id)
        if not moves or self._log.feedback_since(user_id, moves[0].at) == 0:
            return None
        replies = rated_replies(*self._log.turns_with_feedback(user_id))
        # If an admin puts a version back, only replies after that count.
        since = _count(
            each
            for each in replies
            if each.interaction.adapter == version.label
            and each.interaction.created_at >= moves[0].at
        )
        earlier = [each for each in replies if each.interaction.created_at < version.created_at]
        reason = why_roll_back(since, _count(earlier[-HISTORY:]))
        return None if reason is None else self._roll_back(version, reason)

    def _roll_back(self, version: AdapterVersion, reason: str) -> Promotion | None:
        try:
            return self._registry.roll_back(
                version.user_id,
                expected=version.number,
                by=ACTOR,
                at=self._clock(),
                reason=reason,
            )
        except (AdapterConflictError, AdapterNotFoundError) as error:
            # Meanwhile another version was promoted, or this one was erased.
            _log.info("%s was not rolled back: %s", version.label, error)
            return None


def _count(replies: Iterable[RatedReply]) -> RatingCounts:
    is_bad = [each.is_bad for each in replies]
    return RatingCounts(sum(is_bad), len(is_bad))
