"""A queue in memory, which fails for a while if a test wants it."""

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

import scheduler.queues.worker
from scheduler.errors import TrainingCancelledError
from scheduler.queues.table import QueueTable
from scheduler.queues.worker import QueueWorker
from tests.waiting import wait_until


@dataclass(frozen=True)
class Run:
    id: str
    user_id: str


class Queue(QueueTable[Run]):
    """Runs in their order. It raises `failures` in turn before anything else."""

    def __init__(self, failures: list[Exception] | None = None) -> None:
        self._failures = failures or []
        self.queued: list[Run] = []
        self.started: list[Run] = []
        self.requeued: list[str] = []

    def add(self, *users: str) -> None:
        for user in users:
            self.queued.append(Run(f"run-{len(self.queued) + len(self.started)}", user))

    def _from_row(self, row: Mapping[str, Any]) -> Run:
        raise AssertionError("there are no rows")

    def fail_interrupted(self, at: float) -> int:
        return 0

    def next_queued(self, except_users: Collection[str] = ()) -> Run | None:
        if self._failures:
            raise self._failures.pop(0)
        return next((run for run in self.queued if run.user_id not in except_users), None)

    def start(self, run_id: str, at: float) -> bool:
        run = next((run for run in self.queued if run.id == run_id), None)
        if run is None:
            return False
        self.queued.remove(run)
        self.started.append(run)
        return True

    def requeue(self, run_id: str, reason: str) -> bool:
        self.requeued.append(run_id)
        return True

    def erase(self, user_id: str) -> int:
        self.queued = [run for run in self.queued if run.user_id != user_id]
        return 0


class Worker(QueueWorker[Run]):
    """Its runs end when they are released, when their user is erased, or when it stops."""

    def __init__(
        self, queue: Queue, num_threads: int = 1, clock: Callable[[], float] = lambda: 0.0
    ) -> None:
        super().__init__("training", queue, clock, num_threads)
        self.is_idle = threading.Event()
        self.at_work: list[Run] = []
        self.released: set[str] = set()
        self.erased: set[str] = set()

    def _run(self, run: Run) -> None:
        self.at_work.append(run)
        try:
            wait_until(
                lambda: self._is_stopping.is_set() or run.user_id in self.released | self.erased
            )
            if run.user_id not in self.released:
                raise TrainingCancelledError("ended early")
        finally:
            self.at_work.remove(run)

    def _idle(self) -> None:
        self.is_idle.set()

    def users(self) -> list[str]:
        return [run.user_id for run in self.at_work]


def test_a_failure_that_lasts_is_logged_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler.queues.worker, "_PAUSE_AFTER_ERROR", 0.0)
    worker = Worker(Queue([OSError("full"), OSError("full"), OSError("locked")]))
    with caplog.at_level(logging.ERROR):
        worker.start()
        assert worker.is_idle.wait(20)
        worker.stop()
    said = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert said == ["full", "locked"]


def test_several_threads_work_the_runs_of_the_longest_waiting_users() -> None:
    queue = Queue()
    queue.add("ann", "bob", "cleo")
    worker = Worker(queue, num_threads=2)
    worker.start()
    wait_until(lambda: len(worker.at_work) == 2)
    assert {run.user_id for run in queue.started} == {"ann", "bob"}
    worker.released = {"ann"}
    wait_until(lambda: sorted(worker.users()) == ["bob", "cleo"])
    worker.stop()


def test_two_runs_of_one_user_are_never_worked_at_once() -> None:
    queue = Queue()
    queue.add("ann", "ann", "bob")
    worker = Worker(queue, num_threads=3)
    worker.start()
    wait_until(lambda: sorted(worker.users()) == ["ann", "bob"])
    assert [run.user_id for run in queue.queued] == ["ann"]
    worker.released = {"ann"}
    wait_until(lambda: not queue.queued)
    worker.stop()
    assert [run.user_id for run in queue.started].count("ann") == 2


def test_one_call_wakes_a_thread_for_each_run() -> None:
    queue = Queue()
    worker = Worker(queue, num_threads=3)
    worker.start()
    assert worker.is_idle.wait(20)
    queue.add("ann", "bob", "cleo")
    worker.wake()
    wait_until(lambda: len(worker.at_work) == 3)
    worker.stop()


def test_stopping_puts_all_runs_back() -> None:
    queue = Queue()
    queue.add("ann", "bob", "cleo")
    worker = Worker(queue, num_threads=2)
    worker.start()
    wait_until(lambda: len(worker.at_work) == 2)
    worker.stop()
    assert sorted(queue.requeued) == ["run-0", "run-1"]
    assert [run.user_id for run in queue.queued] == ["cleo"]


def test_erasing_waits_for_the_user_and_for_no_other() -> None:
    queue = Queue()
    queue.add("ann", "bob")
    worker = Worker(queue, num_threads=2)
    worker.start()
    wait_until(lambda: len(worker.at_work) == 2)
    worker.erased = {"ann"}
    worker.erase("ann")
    assert worker.users() == ["bob"]
    worker.stop()
