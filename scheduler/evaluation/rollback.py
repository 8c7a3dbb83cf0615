"""Looks at the versions that are in use without proof, and rolls back those that got worse."""

import logging
from collections.abc import Callable, Iterable

from adapters_store.errors import AdapterConflictError, AdapterNotFoundError
from adapters_store.records import AdapterVersion, Promotion
from adapters_store.registry import Registry
from feedback.judged_replies import JudgedReply, judged_replies
from feedback.store.log import FeedbackLog
from scheduler.evaluation.sequential_test import HISTORY, Tally, why_roll_back
from scheduler.records import Outcome

WATCHER = "watch"
"""Who rolled back, where nobody did."""

_log = logging.getLogger(__name__)


class Watcher:
    """Compares what users judge of a provisional version with what they judged before it.

    `clock` gives UTC seconds.
    """

    def __init__(self, log: FeedbackLog, registry: Registry, clock: Callable[[], float]) -> None:
        self._log = log
        self._registry = registry
        self._clock = clock

    def look(self) -> list[Promotion]:
        """Roll back whatever got worse; frozen adapters stay as they are."""
        moves = [self._look_at(user_id) for user_id in self._registry.users()]
        return [move for move in moves if move is not None]

    def _look_at(self, user_id: str) -> Promotion | None:
        version = self._registry.active(user_id)
        if version is None or not _is_provisional(version) or self._registry.is_frozen(user_id):
            return None
        moves = self._registry.promotions(user_id)
        if not moves or self._log.judgements_since(user_id, moves[0].at) == 0:
            return None
        replies = judged_replies(*self._log.judged(user_id))
        # Counted from the last move: what an admin puts back is judged by new replies alone.
        since = _tally(
            each
            for each in replies
            if each.interaction.adapter == version.label
            and each.interaction.created_at >= moves[0].at
        )
        earlier = [each for each in replies if each.interaction.created_at < version.created_at]
        reason = why_roll_back(since, _tally(earlier[-HISTORY:]))
        return None if reason is None else self._roll_back(version, reason)

    def _roll_back(self, version: AdapterVersion, reason: str) -> Promotion | None:
        try:
            return self._registry.roll_back(
                version.user_id,
                expected=version.number,
                by=WATCHER,
                at=self._clock(),
                reason=reason,
            )
        except (AdapterConflictError, AdapterNotFoundError) as error:
            # Promoted or erased since it was looked at: what was judged no longer answers.
            _log.info("%s was not rolled back: %s", version.label, error)
            return None


def _is_provisional(version: AdapterVersion) -> bool:
    verdict = version.report.get("verdict") or {}
    return verdict.get("outcome") == Outcome.PROVISIONAL


def _tally(replies: Iterable[JudgedReply]) -> Tally:
    judged = [each.is_bad for each in replies]
    return Tally(sum(judged), len(judged))
