"""The history and the queue of the suite: the only code that touches the table `suite_runs`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from scheduler.evaluation.suite.records import SuiteRun, SuiteStatus
from scheduler.measure import Measure, read_measure
from scheduler.queues.table import QueueTable
from scheduler.records import Progress


class SuiteRunStore(QueueTable[SuiteRun]):
    """Runs of the suite, at most one open per version."""

    TABLE = "suite_runs"

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
        """Queue a run for a version, or return its open run. `trigger` is as in `RunStore`."""
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

    def finish(
        self,
        run_id: str,
        status: SuiteStatus,
        reason: str,
        *,
        at: float,
        measures: Sequence[Measure] = (),
    ) -> bool:
        """End a run with its outcome; False if it is not running."""
        assert status.is_final
        return self._update(
            run_id,
            SuiteStatus.RUNNING,
            status=status,
            reason=reason,
            finished_at=at,
            measures=json.dumps([asdict(each) for each in measures], allow_nan=False),
        )

    def exists(self, run_id: str) -> bool:
        """Whether a run still exists; its user may have been erased."""
        return any(self._database.query("SELECT 1 FROM suite_runs WHERE id = ?", [run_id]))

    def newest(self, user_id: str, version: int) -> SuiteRun | None:
        """Return a version's newest run."""
        return self._first("user_id = ? AND version = ?", [user_id, version])

    def judged(self, base_revision: str) -> set[tuple[str, int]]:
        """The versions that passed or were refused with a base, by user and number."""
        rows = self._database.query(
            "SELECT user_id, version FROM suite_runs"
            " WHERE base_revision = ? AND status IN ('passed', 'refused')",
            [base_revision],
        )
        return {(row["user_id"], row["version"]) for row in rows}

    def _from_row(self, row: Mapping[str, Any]) -> SuiteRun:
        values = dict(row)
        values["status"] = SuiteStatus(row["status"])
        values["progress"] = Progress(**json.loads(row["progress"]))
        values["measures"] = tuple(map(read_measure, json.loads(row["measures"])))
        return SuiteRun(**values)


def _to_row(run: SuiteRun) -> dict[str, Any]:
    row = asdict(run)
    for column in ("progress", "measures"):
        row[column] = json.dumps(row[column])
    return row
