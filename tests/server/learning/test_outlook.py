"""How long a training still takes."""

from typing import Any

import pytest

from scheduler.records import Progress, RunStatus, TrainingRun
from server.learning.outlook import seconds_left


def run(**values: Any) -> TrainingRun:
    """A run that began at 1000."""
    defaults: dict[str, Any] = {
        "id": "run-1",
        "user_id": "ann",
        "trigger": "request",
        "requested_by": "ann",
        "status": RunStatus.RUNNING,
        "created_at": 1.0,
        "started_at": 1000.0,
    }
    return TrainingRun(**(defaults | values))


def ended(seconds: float, status: RunStatus = RunStatus.PROMOTED) -> TrainingRun:
    return run(status=status, finished_at=1000.0 + seconds)


def test_without_progress_and_an_earlier_run_nothing_is_known() -> None:
    assert seconds_left(run(), None, 1010.0) is None


def test_a_run_that_waits_has_no_estimate() -> None:
    assert seconds_left(run(status=RunStatus.QUEUED, started_at=None), ended(60), 1010.0) is None


def test_a_new_run_takes_as_long_as_the_last_one() -> None:
    assert seconds_left(run(), ended(100), 1010.0) == 90


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED])
def test_a_run_that_broke_off_says_nothing(status: RunStatus) -> None:
    assert seconds_left(run(), ended(100, status), 1010.0) is None


def test_a_first_run_is_judged_by_its_progress() -> None:
    assert seconds_left(run(progress=Progress("fit", 0.25)), None, 1010.0) == 30


def test_near_the_end_its_own_progress_counts_more() -> None:
    nearly = run(progress=Progress("fit", 0.9))
    assert seconds_left(nearly, ended(1000), 1090.0) == pytest.approx(100, abs=1)


def test_a_run_that_takes_longer_than_the_last_one_has_no_time_left_rather_than_less() -> None:
    assert seconds_left(run(), ended(5), 1010.0) == 0
