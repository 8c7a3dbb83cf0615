"""The history of training runs and the queue: the only reader and writer of the table `runs`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

from adapters_store.schema import WITHOUT_QUOTES
from scheduler.errors import RunNotFoundError
from scheduler.queues.table import NEWEST_FIRST, QueueTable
from scheduler.records import Progress, RunStatus, TrainingRun

SCHEDULED = "schedule"
REQUESTED = "request"

_OPEN = "status IN ('queued', 'running')"


@dataclass(frozen=True, slots=True)
class PastRuns:
    """How a user's newest ended run ended, and when; None without one."""

    status: RunStatus | None
    ended_at: float | None
    num_scheduled: int


class RunStore(QueueTable[TrainingRun]):
    """Training runs, at most one open per user."""

    TABLE = "runs"

    def create(self, user_id: str, *, trigger: str, requested_by: str, at: float) -> TrainingRun:
        """Queue a run for a user, or return the user's open run if there is one.

        `trigger` is `SCHEDULED` or `REQUESTED`.
        """
        with self._database.atomic():
            open_run = self.open_run(user_id)
            if open_run is not None:
                return open_run
            run = _new_run(user_id, trigger, requested_by, at)
            self._database.table("runs").insert(_to_row(run))
            return run

    def schedule(self, user_ids: Iterable[str], *, by: str, at: float) -> list[TrainingRun]:
        """Queue a scheduled run for each of these users without an open run, all at once."""
        with self._database.atomic():
            rows = self._database.query(
                "SELECT value AS user_id FROM json_each(?) WHERE NOT EXISTS"
                f" (SELECT 1 FROM runs WHERE user_id = value AND {_OPEN})",
                [json.dumps(list(user_ids))],
            )
            runs = [_new_run(row["user_id"], SCHEDULED, by, at) for row in rows]
            self._database.table("runs").insert_all(map(_to_row, runs))
            return runs

    def finish(
        self,
        run_id: str,
        status: RunStatus,
        reason: str,
        *,
        at: float,
        version: int | None = None,
        dataset_hash: str | None = None,
        report: Mapping[str, Any] | None = None,
        usage: Mapping[str, Any] | None = None,
    ) -> bool:
        """End a run with its outcome; False if it is not running.

        Raises `ValueError` if `report` or `usage` has NaN, which JSON does not.
        """
        assert status.is_final
        return self._update(
            run_id,
            RunStatus.RUNNING,
            status=status,
            reason=reason,
            finished_at=at,
            version=version,
            dataset_hash=dataset_hash,
            report=json.dumps(dict(report or {}), allow_nan=False),
            usage=json.dumps(dict(usage or {}), allow_nan=False),
        )

    def request_cancel(self, run_id: str, at: float) -> TrainingRun:
        """Cancel a queued run, ask a running one to end. Raises `RunNotFoundError`."""
        with self._database.atomic():
            self._update(
                run_id,
                RunStatus.QUEUED,
                status=RunStatus.CANCELLED,
                reason="cancelled before it began",
                finished_at=at,
            )
            self._update(run_id, RunStatus.RUNNING, is_cancel_requested=1)
            return self.run(run_id)

    def is_cancel_requested(self, run_id: str) -> bool:
        """Whether a running run should end; true also if it was erased."""
        rows = self._database.query("SELECT is_cancel_requested FROM runs WHERE id = ?", [run_id])
        row = next(rows, None)
        return row is None or bool(row["is_cancel_requested"])

    def run(self, run_id: str) -> TrainingRun:
        """Return a run. Raises `RunNotFoundError`."""
        run = self._first("id = ?", [run_id])
        if run is None:
            raise RunNotFoundError(f"there is no run {run_id!r}")
        return run

    def runs(
        self, user_id: str | None = None, *, limit: int = 100, status: RunStatus | None = None
    ) -> list[TrainingRun]:
        """Return runs, newest first, of one user or all, in one status or any."""
        rows = self._database.query(
            "SELECT * FROM runs WHERE (:user IS NULL OR user_id = :user)"
            f" AND (:status IS NULL OR status = :status) {NEWEST_FIRST} LIMIT :limit",
            {"user": user_id, "status": status, "limit": limit},
        )
        return [self._from_row(row) for row in rows]

    def open_run(self, user_id: str) -> TrainingRun | None:
        """Return the user's queued or running run."""
        return self._first(f"user_id = ? AND {_OPEN}", [user_id])

    def has_open_run(self) -> bool:
        """Whether any run of any user is queued or running."""
        return self._first(_OPEN, []) is not None

    def num_ahead(self, run_id: str) -> int:
        """Count the open runs of all users that come before this one."""
        rows = self._database.query(
            f"SELECT count(*) AS n FROM runs WHERE {_OPEN}"
            " AND rowid < (SELECT rowid FROM runs WHERE id = ?)",
            [run_id],
        )
        return int(next(rows)["n"])

    def last_run(self, user_id: str) -> TrainingRun | None:
        """Return the user's newest run that has ended."""
        return self._first(f"user_id = ? AND NOT {_OPEN}", [user_id])

    def newest(self, user_id: str) -> TrainingRun | None:
        """Return the user's newest run, open or not, without report, reason and usage."""
        rows = self._database.query(
            "SELECT id, user_id, status, trigger, requested_by, created_at, started_at,"
            " finished_at, progress, '' AS reason, version, dataset_hash, '{}' AS report,"
            " '{}' AS usage FROM runs"
            f" WHERE user_id = ? {NEWEST_FIRST} LIMIT 1",
            [user_id],
        )
        return next((self._from_row(row) for row in rows), None)

    def count_open(self) -> int:
        """Count the queued and running runs of all users."""
        (row,) = self._database.query(f"SELECT count(*) AS n FROM runs WHERE {_OPEN}")
        return int(row["n"])

    def past(self, user_id: str, since: float, until: float) -> PastRuns:
        """Return the end of the user's newest ended run, and count the scheduled runs that were
        created in a span of time."""
        (row,) = self._database.query(
            "SELECT status, finished_at, (SELECT count(*) FROM runs WHERE user_id = :user"
            " AND created_at BETWEEN :since AND :until AND trigger = :scheduled) AS num_scheduled"
            " FROM (SELECT 1) LEFT JOIN (SELECT status, finished_at FROM runs"
            f" WHERE user_id = :user AND NOT {_OPEN} {NEWEST_FIRST} LIMIT 1)",
            {"user": user_id, "since": since, "until": until, "scheduled": SCHEDULED},
        )
        status = None if row["status"] is None else RunStatus(row["status"])
        return PastRuns(status, row["finished_at"], row["num_scheduled"])

    def device_seconds(self, user_id: str) -> float:
        """Return the device time of all the user's runs, as far as it was measured."""
        (row,) = self._database.query(
            "SELECT total(usage ->> '$.device_seconds') AS seconds FROM runs WHERE user_id = ?",
            [user_id],
        )
        return round(float(row["seconds"]), 2)

    def count_by_status(self) -> dict[str, int]:
        """Count all runs by status; statuses without a run are missing."""
        rows = self._database.query("SELECT status, count(*) AS n FROM runs GROUP BY status")
        return {row["status"]: row["n"] for row in rows}

    def forget_quotes(self, user_id: str) -> None:
        """Delete what reports quote of the user, but those of versions that may still answer."""
        self._database.execute(
            f"UPDATE runs SET report = {WITHOUT_QUOTES} WHERE user_id = :user"
            " AND NOT EXISTS (SELECT 1 FROM adapter_versions WHERE user_id = :user"
            " AND number = runs.version AND withdrawn_at IS NULL)",
            {"user": user_id},
        )

    def _from_row(self, row: Mapping[str, Any]) -> TrainingRun:
        values = {column: row[column] for column in row if column != "is_cancel_requested"}
        values["status"] = RunStatus(row["status"])
        values["progress"] = Progress(**json.loads(row["progress"]))
        values["report"] = json.loads(row["report"])
        values["usage"] = json.loads(row["usage"])
        return TrainingRun(**values)


def _new_run(user_id: str, trigger: str, requested_by: str, at: float) -> TrainingRun:
    return TrainingRun(
        id=f"run-{uuid4().hex}",
        user_id=user_id,
        status=RunStatus.QUEUED,
        trigger=trigger,
        requested_by=requested_by,
        created_at=at,
    )


def _to_row(run: TrainingRun) -> dict[str, Any]:
    row = asdict(run)
    for column in ("progress", "report", "usage"):
        row[column] = json.dumps(row[column])
    return row
