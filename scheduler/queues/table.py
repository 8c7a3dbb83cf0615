"""A table of runs that wait, are worked and end: the base of the two queues."""

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from sqlite_utils import Database

from scheduler.records import Progress
from scheduler.schema import migrate

NEWEST_FIRST = "ORDER BY rowid DESC"
"""The order of creation, whatever the clock said."""

R = TypeVar("R")


class _Status(StrEnum):
    """The statuses that both queues have."""

    QUEUED = "queued"
    RUNNING = "running"
    FAILED = "failed"


class QueueTable(ABC, Generic[R]):
    """Runs in the order of creation; no other code touches `TABLE`."""

    TABLE: ClassVar[str]

    def __init__(self, database: Database) -> None:
        self._database = database
        migrate(database)

    @abstractmethod
    def _from_row(self, row: Mapping[str, Any]) -> R:
        """The run in a row of the table."""

    def start(self, run_id: str, at: float) -> bool:
        """Take a run from the queue; False if it is no longer there."""
        return self._update(
            run_id, _Status.QUEUED, status=_Status.RUNNING, started_at=at, reason=""
        )

    def progress(self, run_id: str, progress: Progress) -> bool:
        """Record how far a run is; False if it is not running."""
        return self._update(run_id, _Status.RUNNING, progress=json.dumps(asdict(progress)))

    def requeue(self, run_id: str, reason: str) -> bool:
        """Put a run back into the queue; False if it is not running."""
        return self._update(
            run_id,
            _Status.RUNNING,
            status=_Status.QUEUED,
            started_at=None,
            progress=json.dumps(asdict(Progress())),
            reason=reason,
        )

    def fail(self, run_id: str, reason: str, at: float) -> bool:
        """End a run that could not be worked; False if it is not running."""
        return self._update(
            run_id, _Status.RUNNING, status=_Status.FAILED, reason=reason, finished_at=at
        )

    def fail_interrupted(self, at: float) -> int:
        """Fail the runs that a crash interrupted; return how many."""
        with self._database.atomic():
            cursor = self._database.execute(
                f"UPDATE {self.TABLE} SET status = 'failed', finished_at = ?, reason = ?"
                " WHERE status = 'running'",
                [at, "the server stopped during this run"],
            )
            return int(cursor.rowcount)

    def erase(self, user_id: str) -> int:
        """Remove every run of a user, open ones too; return how many."""
        with self._database.atomic():
            cursor = self._database.execute(
                f"DELETE FROM {self.TABLE} WHERE user_id = ?", [user_id]
            )
            return int(cursor.rowcount)

    def next_queued(self, except_users: Collection[str] = ()) -> R | None:
        """Return the run that has waited longest, of any user but these."""
        where = "status = 'queued' AND user_id NOT IN (SELECT value FROM json_each(?))"
        return self._first(where, [json.dumps([*except_users])], "ORDER BY created_at, rowid")

    def _first(self, where: str, params: list[Any], order: str = NEWEST_FIRST) -> R | None:
        query = f"SELECT * FROM {self.TABLE} WHERE {where} {order} LIMIT 1"
        row = next(self._database.query(query, params), None)
        return None if row is None else self._from_row(row)

    def _update(self, run_id: str, expected: StrEnum, **changes: Any) -> bool:
        assignments = ", ".join(f"{column} = ?" for column in changes)
        with self._database.atomic():
            cursor = self._database.execute(
                f"UPDATE {self.TABLE} SET {assignments} WHERE id = ? AND status = ?",
                [*changes.values(), run_id, expected],
            )
            return int(cursor.rowcount) == 1
