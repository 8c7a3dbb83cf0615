"""Runs training jobs on a Ray cluster."""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from feedback.records import Dataset
from scheduler.records import Progress, RayConfig
from scheduler.trainer.job import JobResult, TrainingJob
from scheduler.trainer.worker import ProcessTrainer

DRIVER = "scheduler.trainer.cluster.driver_main"

_CANCEL_GRACE = 6.0  # seconds; a node removes the job's files meanwhile
_LATE = 90.0
"""How many seconds later than the cluster this side notices that a run takes too long."""


class RayTrainer:
    """Trains each job as a task of a Ray cluster. Several threads may run jobs at once.

    A child process talks to the cluster for each job. Ray ends a process whose cluster is gone:
    that must not be the server. A task may take `timeout` seconds, and wait as long (at least a
    minute) for its share of a node. The folder `jobs` is as for `ProcessTrainer`.
    """

    def __init__(self, jobs: Path, config: RayConfig, timeout: float) -> None:
        """Raises `ValueError` if Ray is not installed."""
        if importlib.util.find_spec("ray") is None:
            raise ValueError(
                "the setting `trainer = \"ray\"` needs Ray: pip install 'loralei[ray]'"
            )
        self._drivers = ProcessTrainer(
            jobs,
            lambda: False,
            timeout + _LATE,
            module=DRIVER,
            arguments=[json.dumps(asdict(config)), str(timeout)],
            cancel_grace=_CANCEL_GRACE,
            is_nice=False,
        )

    def prepare(self) -> None:
        """Nothing: a node starts what a task needs."""

    def run(
        self,
        job: TrainingJob,
        dataset: Dataset,
        *,
        destination: Path,
        on_progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> JobResult:
        """As `ProcessTrainer.run`. A run whose node was lost starts again on another one."""
        return self._drivers.run(
            _with_absolute_paths(job),
            dataset,
            destination=destination,
            on_progress=on_progress,
            is_cancelled=is_cancelled,
        )

    def sweep(self) -> int:
        """Remove the job folders that a crash left behind; return how many. No job may run."""
        return self._drivers.sweep()

    def close(self) -> None:
        """Nothing was prepared."""


def _with_absolute_paths(job: TrainingJob) -> TrainingJob:
    """A node looks for the base at the same paths."""
    packed = None if job.packed is None else str(Path(job.packed).absolute())
    return replace(job, base_path=str(Path(job.base_path).absolute()), packed=packed)
