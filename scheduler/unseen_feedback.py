"""The index of feedback and withdrawals that no run has seen: a tick reads it, not every user.

It has one row for each user with feedback for training. The triggers of `scheduler/schema.py` write
it, in the transaction of each change. Positions are sequence numbers of the audit, so a clock that
is set back or ahead changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from feedback.records import ORGANISATION
from feedback.store.reader import FeedbackReader
from scheduler.schema import migrate_index


@dataclass(frozen=True, slots=True)
class Unseen:
    """The items that changed since the last run with a verdict read them, and since the rollback;
    None without a rollback since that run. `has_withdrawal` says whether the version in use was
    withdrawn, and no run with a verdict has begun since.
    """

    items: int
    since_rollback: int | None
    has_withdrawal: bool


class UnseenFeedback:
    """Reads the index, and records what the rollback monitor has looked at."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = FeedbackReader(database)
        migrate_index(database)

    def users(self, at_least: int) -> list[str]:
        """The users with this many new items, or with a withdrawal, and no open run."""
        rows = self._database.query(
            "SELECT user_id FROM unseen_feedback AS unseen WHERE (items >= ? OR withdrawal > 0)"
            " AND NOT EXISTS (SELECT 1 FROM runs WHERE user_id = unseen.user_id"
            " AND status IN ('queued', 'running'))",
            [at_least],
        )
        return [row["user_id"] for row in rows]

    def of(self, user_id: str) -> Unseen:
        """What no run has seen of one user."""
        rows = self._database.query(
            "SELECT seen, rolled_back, items, withdrawal FROM unseen_feedback WHERE user_id = ?",
            [user_id],
        )
        row = next(rows, None)
        if row is None:
            return Unseen(0, None, has_withdrawal=False)
        has_withdrawal = row["withdrawal"] > 0
        if row["rolled_back"] <= row["seen"]:
            return Unseen(row["items"], None, has_withdrawal)
        items = self._log.feedback_since(user_id, row["seen"])
        return Unseen(items, row["items"], has_withdrawal)

    def total(self) -> int:
        """How many items of all users no run has seen; the organisation's are theirs, too."""
        (row,) = self._database.query(
            "SELECT coalesce(sum(items), 0) AS n FROM unseen_feedback WHERE user_id != ?",
            [ORGANISATION],
        )
        return int(row["n"])

    def unwatched(self) -> dict[str, int]:
        """Where the feedback of each user ends that changed since the monitor looked."""
        rows = self._database.query(
            "SELECT user_id, newest FROM unseen_feedback WHERE newest > watched"
        )
        return {row["user_id"]: row["newest"] for row in rows}

    def set_watched(self, positions: Mapping[str, int]) -> None:
        """Record how far the monitor has looked at each of these users."""
        with self._database.atomic():
            for user_id, position in positions.items():
                # The least: an erasure meanwhile may have freed the position.
                self._database.execute(
                    "UPDATE unseen_feedback SET watched = min(newest, ?) WHERE user_id = ?",
                    [position, user_id],
                )
