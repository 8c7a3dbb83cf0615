"""A queue whose table fails for a while."""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import scheduler.queue_worker
from scheduler.queue_table import QueueTable
from scheduler.queue_worker import QueueWorker
from scheduler.records import TrainingRun


class FailingTable(QueueTable[TrainingRun]):
    """A table that raises `failures` in turn, and then has nothing queued."""

    def __init__(self, failures: list[Exception]) -> None:
        self._failures = failures

    def _from_row(self, row: Mapping[str, Any]) -> TrainingRun:
        raise AssertionError("nothing is queued")

    def fail_interrupted(self, at: float) -> int:
        return 0

    def next_queued(self) -> TrainingRun | None:
        if self._failures:
            raise self._failures.pop(0)
        return None


class Worker(QueueWorker[TrainingRun]):
    def __init__(self, failures: list[Exception], clock: Callable[[], float]) -> None:
        super().__init__("training", FailingTable(failures), clock)
        self.is_idle = threading.Event()

    def _run(self, run: TrainingRun) -> None:
        raise AssertionError("nothing is queued")

    def _idle(self) -> None:
        self.is_idle.set()


def test_a_failure_that_lasts_is_logged_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler.queue_worker, "_PAUSE_AFTER_ERROR", 0.0)
    worker = Worker([OSError("full"), OSError("full"), OSError("locked")], lambda: 0.0)
    with caplog.at_level(logging.ERROR):
        worker.start()
        assert worker.is_idle.wait(20)
        worker.stop()
    said = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert said == ["full", "locked"]
