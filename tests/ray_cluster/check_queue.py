"""How fast a queue of many users is worked, with runs that only take time: `make test-ray`."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from scheduler.records import RunStatus, TrainingRun
from scheduler.retrain.pipeline import Pipeline
from scheduler.run_store import REQUESTED, RunStore
from scheduler.training_worker import TrainingWorker
from server.database import SharedDatabase
from tests.waiting import wait_until

NUM_USERS = 40
RUN_SECONDS = 0.25


class TimedPipeline:
    """Takes the place of a `Pipeline` whose runs take `RUN_SECONDS`."""

    def __init__(self, runs: RunStore) -> None:
        self._runs = runs
        self._never = threading.Event()
        self.order: list[str] = []

    def run(self, run: TrainingRun, is_cancelled: Callable[[], bool]) -> None:
        self.order.append(run.user_id)
        self._never.wait(RUN_SECONDS)
        self._runs.finish(run.id, RunStatus.REFUSED, "nothing to learn from yet", at=0.0)

    def close(self) -> None:
        """Nothing was prepared."""


def seconds_to_work(database: SharedDatabase, num_workers: int) -> float:
    """How long it takes until nobody waits any more."""
    runs = RunStore(database)
    pipeline = TimedPipeline(runs)
    worker = TrainingWorker(
        runs,
        cast(Pipeline, pipeline),
        time.time,
        prepares=False,
        parallel_runs=num_workers,
    )
    users = [f"user-{number:02}" for number in range(NUM_USERS)]
    for user in users:
        runs.create(user, trigger=REQUESTED, requested_by="admin", at=time.time())
    begun = time.monotonic()
    worker.start()
    wait_until(lambda: not runs.has_open_run())
    worker.stop()
    assert sorted(pipeline.order) == users
    return time.monotonic() - begun


def test_two_workers_empty_a_queue_in_little_more_than_half_of_the_time(tmp_path: Path) -> None:
    database = SharedDatabase(tmp_path / "loralei.sqlite")
    try:
        one, two = (seconds_to_work(database, num_workers) for num_workers in (1, 2))
    finally:
        database.close()
    assert one / two >= 1.8, f"{one:.2f} s, {two:.2f} s"
