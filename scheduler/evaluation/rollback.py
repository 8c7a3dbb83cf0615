"""Rolls back provisional versions whose replies got worse."""

import logging
from collections.abc import Callable, Iterable, Sequence

from adapters_store.errors import AdapterConflictError, AdapterNotFoundError
from adapters_store.records import AdapterVersion, Promotion
from adapters_store.registry import Registry
from feedback.judged_replies import RatedReply, rated_replies
from feedback.records import ORGANISATION
from feedback.store.log import FeedbackLog
from scheduler.evaluation.sequential_test import (
    FEWEST_BAD,
    HISTORY,
    RatingCounts,
    why_roll_back,
)
from scheduler.unseen_feedback import UnseenFeedback
from scheduler.version_report import report_of

ACTOR = "watch"
"""Recorded as the user who rolled back."""

_log = logging.getLogger(__name__)


class RollbackMonitor:
    """Compares ratings of a provisional version with earlier ones. `clock` gives UTC seconds."""

    def __init__(
        self,
        log: FeedbackLog,
        registry: Registry,
        unseen: UnseenFeedback,
        clock: Callable[[], float],
    ) -> None:
        self._log = log
        self._unseen = unseen
        self._registry = registry
        self._clock = clock

    def look(self) -> list[Promotion]:
        """Roll back the versions that got worse, except frozen ones.

        Only feedback can show that, so only users with feedback since the last look matter. Frozen
        users stay unwatched, and are looked at once they are no longer frozen.
        """
        changed = {
            user_id: position
            for user_id, position in self._unseen.unwatched().items()
            if not self._registry.is_frozen(user_id)
        }
        moves = [self._look_at(user_id) for user_id in changed]
        self._unseen.set_watched(changed)
        return [move for move in moves if move is not None]

    def _look_at(self, user_id: str) -> Promotion | None:
        version = self._registry.active(user_id)
        if version is None or not report_of(version).is_provisional:
            return None
        raters = self._log.contributors(user_id)
        if sum(map(self._log.max_bad, raters)) < FEWEST_BAD:
            return None
        moves = self._registry.promotions(user_id)
        if not moves:
            return None  # erased meanwhile
        # If an admin puts a version back, only replies after that count. A move in the future means
        # that the clock was set back: then the version's name alone tells its replies.
        began = moves[0].at if moves[0].at <= self._clock() else 0.0
        since, earlier = [], []
        for each in self._rated(raters):
            turn = each.interaction
            by = turn.organisation if user_id == ORGANISATION else turn.adapter
            if by == version.label and turn.created_at >= began:
                since.append(each)
            elif turn.created_at < version.created_at:
                earlier.append(each)
        reason = why_roll_back(_count(since), _count(earlier[-HISTORY:]))
        return None if reason is None else self._roll_back(version, reason)

    def _rated(self, user_ids: Iterable[str]) -> list[RatedReply]:
        """The users' rated replies, oldest first."""
        found: list[RatedReply] = []
        for each in user_ids:
            found += rated_replies(*self._log.turns_with_feedback(each))
        return sorted(found, key=lambda each: each.interaction.created_at)

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


def _count(replies: Sequence[RatedReply]) -> RatingCounts:
    return RatingCounts(sum(each.is_bad for each in replies), len(replies))
