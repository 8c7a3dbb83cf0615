"""The history and the queue of the suite: the only reader and writer of the table `suite_runs`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from sqlite_utils import Database

from scheduler.records import Progress
from scheduler.regression.records import Measure, SuiteRun, SuiteStatus
from scheduler.schema import migrate

_NEWEST_FIRST = "ORDER BY created_at DESC, rowid DESC"


class SuiteRunStore:
    """Runs of the suite, at most one open per version; a queued one waits in order of creation."""

    def __init__(self, database: Database) -> None:
        self._database = database
        migrate(database)

    def create(
        self,
        user_id: str,
        version: int,
        *,
        base_revision: str,
        trigger: str,
        requested_by: str,
        at: float,
    ) -> SuiteRun:
        """Queue a run for a version, or return its open run when there is one.

        `trigger` is one of `scheduler.runs`.
        """
        with self._database.atomic():
            newest = self.newest(user_id, version)
            if newest is not None and not newest.status.is_final:
                return newest
            run = SuiteRun(
                id=f"suite-{uuid4().hex}",
                user_id=user_id,
                version=version,
                base_revision=base_revision,
                status=SuiteStatus.QUEUED,
                trigger=trigger,
                requested_by=requested_by,
                created_at=at,
            )
            self._database.table("suite_runs").insert(_to_row(run))
            return run

    def start(self, run_id: str, at: float) -> bool:
        """Take a run from the queue; False when it is no longer there."""
        return self._update(
            run_id, SuiteStatus.QUEUED, status=SuiteStatus.RUNNING, started_at=at, reason=""
        )

    def progress(self, run_id: str, progress: Progress) -> bool:
        """Record how far a running run is; False when it is not running."""
        return self._update(run_id, SuiteStatus.RUNNING, progress=json.dumps(asdict(progress)))

    def requeue(self, run_id: str, reason: str) -> bool:
        """Put a running run back into the queue; False when it is not running."""
        return self._update(
            run_id,
            SuiteStatus.RUNNING,
            status=SuiteStatus.QUEUED,
            started_at=None,
            progress=json.dumps(asdict(Progress())),
            reason=reason,
        )

    def finish(
        self,
        run_id: str,
        status: SuiteStatus,
        reason: str,
        *,
        at: float,
        measures: Sequence[Measure] = (),
    ) -> bool:
        """End a running run with its outcome; False when it is not running."""
        assert status.is_final
        return self._update(
            run_id,
            SuiteStatus.RUNNING,
            status=status,
            reason=reason,
            finished_at=at,
            measures=json.dumps([asdict(each) for each in measures], allow_nan=False),
        )

    def fail_interrupted(self, at: float) -> int:
        """Fail the runs that a crash cut short, for the start of the server; return how many."""
        with self._database.atomic():
            cursor = self._database.execute(
                "UPDATE suite_runs SET status = 'failed', finished_at = ?, reason = ?"
                " WHERE status = 'running'",
                [at, "the server stopped during this run"],
            )
            return int(cursor.rowcount)

    def erase(self, user_id: str) -> int:
        """Remove every run of a user, open ones too; return how many."""
        with self._database.atomic():
            cursor = self._database.execute("DELETE FROM suite_runs WHERE user_id = ?", [user_id])
            return int(cursor.rowcount)

    def exists(self, run_id: str) -> bool:
        """Whether a run is still there; its user may have been erased."""
        return any(self._database.query("SELECT 1 FROM suite_runs WHERE id = ?", [run_id]))

    def next_queued(self) -> SuiteRun | None:
        """Return the run that has waited longest."""
        return self._first("status = 'queued'", [], "ORDER BY created_at, rowid")

    def newest(self, user_id: str, version: int) -> SuiteRun | None:
        """Return a version's newest run."""
        return self._first("user_id = ? AND version = ?", [user_id, version])

    def has_verdict(self, user_id: str, version: int, base_revision: str) -> bool:
        """Whether a version has passed or was refused with this base."""
        where = (
            "user_id = ? AND version = ? AND base_revision = ? AND status IN ('passed', 'refused')"
        )
        return self._first(where, [user_id, version, base_revision]) is not None

    def _first(self, where: str, params: list[Any], order: str = _NEWEST_FIRST) -> SuiteRun | None:
        query = f"SELECT * FROM suite_runs WHERE {where} {order} LIMIT 1"
        row = next(self._database.query(query, params), None)
        return None if row is None else _from_row(row)

    def _update(self, run_id: str, expected: SuiteStatus, **changes: Any) -> bool:
        assignments = ", ".join(f"{column} = ?" for column in changes)
        with self._database.atomic():
            cursor = self._database.execute(
                f"UPDATE suite_runs SET {assignments} WHERE id = ? AND status = ?",
                [*changes.values(), run_id, expected],
            )
            return int(cursor.rowcount) == 1


def _to_row(run: SuiteRun) -> dict[str, Any]:
    row = asdict(run)
    for column in ("progress", "measures"):
        row[column] = json.dumps(row[column])
    return row


def _from_row(row: Mapping[str, Any]) -> SuiteRun:
    values = dict(row)
    values["status"] = SuiteStatus(row["status"])
    values["progress"] = Progress(**json.loads(row["progress"]))
    values["measures"] = tuple(
        Measure(**(each | {"lost": tuple(each["lost"])})) for each in json.loads(row["measures"])
    )
    return SuiteRun(**values)
