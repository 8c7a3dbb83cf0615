"""The history of training runs and the queue."""

from collections.abc import Callable

import pytest
from sqlite_utils import Database

from scheduler.errors import RunNotFoundError
from scheduler.records import Progress, RunStatus, TrainingRun
from scheduler.run_store import REQUESTED, SCHEDULED, RunStore


@pytest.fixture
def runs() -> RunStore:
    return RunStore(Database(memory=True))


@pytest.fixture
def queue(runs: RunStore) -> Callable[[str, float], TrainingRun]:
    def create(user_id: str, at: float) -> TrainingRun:
        return runs.create(user_id, trigger=SCHEDULED, requested_by="scheduler", at=at)

    return create


Queue = Callable[[str, float], TrainingRun]


def test_a_new_run_waits_in_the_queue(runs: RunStore, queue: Queue) -> None:
    run = queue("ann", 1.0)
    assert run.status is RunStatus.QUEUED
    assert run.id.startswith("run-")
    assert runs.run(run.id) == run


def test_a_user_has_one_open_run(runs: RunStore, queue: Queue) -> None:
    first = queue("ann", 1.0)
    assert queue("ann", 2.0) == first
    runs.start(first.id, 3.0)
    assert queue("ann", 4.0).id == first.id
    assert len(runs.runs("ann")) == 1


def test_scheduling_many_users_queues_those_without_an_open_run(
    runs: RunStore, queue: Queue
) -> None:
    queue("ann", 1.0)
    scheduled = runs.schedule(["cleo", "ann", "bob"], by="scheduler", at=2.0)
    assert [run.user_id for run in scheduled] == ["cleo", "bob"]
    assert {(run.trigger, run.status) for run in scheduled} == {(SCHEDULED, RunStatus.QUEUED)}
    assert [run.user_id for run in runs.runs()] == ["bob", "cleo", "ann"]
    assert runs.schedule([], by="scheduler", at=3.0) == []


def test_a_user_whose_run_ended_can_have_another(runs: RunStore, queue: Queue) -> None:
    first = queue("ann", 1.0)
    runs.start(first.id, 2.0)
    runs.finish(first.id, RunStatus.REFUSED, "no gain", at=3.0)
    assert queue("ann", 4.0).id != first.id


def test_the_run_that_waited_longest_is_next(runs: RunStore, queue: Queue) -> None:
    first = queue("bob", 1.0)
    queue("ann", 2.0)
    assert runs.next_queued() == first
    runs.start(first.id, 3.0)
    following = runs.next_queued()
    assert following is not None
    assert following.user_id == "ann"


def test_an_empty_queue_has_no_next_run(runs: RunStore) -> None:
    assert runs.next_queued() is None


def test_a_run_starts_once(runs: RunStore, queue: Queue) -> None:
    run = queue("ann", 1.0)
    assert runs.start(run.id, 2.0)
    assert not runs.start(run.id, 3.0)
    assert runs.run(run.id).started_at == 2.0


def test_progress_of_a_running_run_is_stored(runs: RunStore, queue: Queue) -> None:
    run = queue("ann", 1.0)
    runs.start(run.id, 2.0)
    progress = Progress(phase="training", fraction=0.5, step=3, steps=6, loss=1.25)
    assert runs.progress(run.id, progress)
    assert runs.run(run.id).progress == progress


def test_a_finished_run_keeps_its_outcome(runs: RunStore, queue: Queue) -> None:
    run = queue("ann", 1.0)
    runs.start(run.id, 2.0)
    runs.finish(
        run.id,
        RunStatus.PROMOTED,
        "v1 is in use",
        at=9.0,
        version=1,
        dataset_hash="abc",
        report={"verdict": {"outcome": "significant"}},
        usage={"device": "cpu"},
    )
    ended = runs.run(run.id)
    assert (ended.status, ended.finished_at, ended.version) == (RunStatus.PROMOTED, 9.0, 1)
    assert ended.report == {"verdict": {"outcome": "significant"}}
    assert ended.usage == {"device": "cpu"}


def test_an_ended_run_does_not_change(runs: RunStore, queue: Queue) -> None:
    run = queue("ann", 1.0)
    runs.start(run.id, 2.0)
    runs.finish(run.id, RunStatus.PROMOTED, "v1 is in use", at=3.0)
    ended = runs.run(run.id)
    assert not runs.finish(run.id, RunStatus.FAILED, "late", at=4.0)
    assert not runs.progress(run.id, Progress(phase="late"))
    assert not runs.requeue(run.id, "late")
    assert runs.request_cancel(run.id, 5.0) == ended


def test_a_report_with_nan_is_refused(runs: RunStore, queue: Queue) -> None:
    run = queue("ann", 1.0)
    runs.start(run.id, 2.0)
    with pytest.raises(ValueError):
        runs.finish(run.id, RunStatus.REFUSED, "", at=3.0, report={"loss": float("nan")})


def test_a_queued_run_is_cancelled_at_once(runs: RunStore, queue: Queue) -> None:
    run = runs.request_cancel(queue("ann", 1.0).id, 2.0)
    assert run.status is RunStatus.CANCELLED
    assert run.finished_at == 2.0
    assert runs.next_queued() is None


def test_a_running_run_is_asked_to_end(runs: RunStore, queue: Queue) -> None:
    run = queue("ann", 1.0)
    runs.start(run.id, 2.0)
    assert not runs.is_cancel_requested(run.id)
    assert runs.request_cancel(run.id, 3.0).status is RunStatus.RUNNING
    assert runs.is_cancel_requested(run.id)


def test_an_erased_run_must_end(runs: RunStore, queue: Queue) -> None:
    run = queue("ann", 1.0)
    runs.start(run.id, 2.0)
    assert runs.erase("ann") == 1
    assert runs.is_cancel_requested(run.id)
    assert not runs.finish(run.id, RunStatus.PROMOTED, "", at=3.0)
    with pytest.raises(RunNotFoundError):
        runs.run(run.id)


def test_erasing_one_user_leaves_the_others(runs: RunStore, queue: Queue) -> None:
    queue("ann", 1.0)
    other = queue("bob", 2.0)
    runs.erase("ann")
    assert runs.runs() == [other]


def test_a_crash_fails_the_running_run_and_keeps_the_queue(runs: RunStore, queue: Queue) -> None:
    running, waiting = queue("ann", 1.0), queue("bob", 2.0)
    runs.start(running.id, 3.0)
    assert runs.fail_interrupted(4.0) == 1
    failed = runs.run(running.id)
    assert (failed.status, failed.finished_at) == (RunStatus.FAILED, 4.0)
    assert failed.reason == "the server stopped during this run"
    assert runs.run(waiting.id) == waiting


def test_a_requeued_run_starts_afresh(runs: RunStore, queue: Queue) -> None:
    run = queue("ann", 1.0)
    runs.start(run.id, 2.0)
    runs.progress(run.id, Progress(phase="training", fraction=0.5))
    assert runs.requeue(run.id, "the server stopped")
    again = runs.run(run.id)
    assert (again.status, again.started_at) == (RunStatus.QUEUED, None)
    assert again.progress == Progress()
    assert again.reason == "the server stopped"


def test_runs_are_listed_newest_first_and_filtered(runs: RunStore, queue: Queue) -> None:
    old = queue("ann", 1.0)
    runs.request_cancel(old.id, 2.0)
    new = queue("ann", 3.0)
    queue("bob", 4.0)
    assert [run.id for run in runs.runs("ann")] == [new.id, old.id]
    assert [run.id for run in runs.runs("ann", limit=1)] == [new.id]
    assert [run.id for run in runs.runs(status=RunStatus.CANCELLED)] == [old.id]


def test_the_last_run_is_the_one_created_last_whatever_the_clock_said(
    runs: RunStore, queue: Queue
) -> None:
    early = queue("ann", 9.0)
    runs.request_cancel(early.id, 9.0)
    late = queue("ann", 1.0)
    runs.request_cancel(late.id, 1.0)
    queue("ann", 2.0)
    last = runs.last_run("ann")
    assert last is not None and last.id == late.id
    assert runs.past("ann", 0.0, 9.0).ended_at == late.created_at


def test_only_scheduled_runs_count_towards_the_daily_bound(runs: RunStore) -> None:
    for at, trigger in enumerate([SCHEDULED, REQUESTED, SCHEDULED]):
        run = runs.create("ann", trigger=trigger, requested_by="x", at=float(at))
        runs.request_cancel(run.id, float(at))
    assert runs.past("ann", 0.0, 2.0).num_scheduled == 2
    assert runs.past("ann", 1.0, 2.0).num_scheduled == 1
    assert runs.past("bob", 0.0, 2.0).num_scheduled == 0


def test_runs_of_the_future_do_not_count_towards_the_daily_bound(
    runs: RunStore, queue: Queue
) -> None:
    queue("ann", 9.0)
    assert runs.past("ann", 0.0, 5.0).num_scheduled == 0


def test_an_unknown_run_is_not_found(runs: RunStore) -> None:
    with pytest.raises(RunNotFoundError):
        runs.request_cancel("run-unknown", 1.0)


def test_runs_survive_reopening_the_tables() -> None:
    database = Database(memory=True)
    run = RunStore(database).create("ann", trigger=REQUESTED, requested_by="admin", at=1.0)
    assert RunStore(database).run(run.id) == run


def test_device_time_adds_up_over_a_users_runs(runs: RunStore, queue: Queue) -> None:
    assert runs.device_seconds("ann") == 0.0
    measured: list[tuple[str, dict[str, float | None]]] = [
        ("ann", {"device_seconds": 1.5}),
        ("ann", {"device_seconds": 2.25}),
        ("ann", {"device_seconds": None}),
        ("ann", {}),
        ("bob", {"device_seconds": 9.0}),
    ]
    for at, (user_id, usage) in enumerate(measured):
        run = queue(user_id, float(at))
        runs.start(run.id, float(at))
        runs.finish(run.id, RunStatus.REFUSED, "", at=float(at), usage=usage)
    assert runs.device_seconds("ann") == 3.75


def test_open_runs_of_others_that_were_created_before_go_first(
    runs: RunStore, queue: Queue
) -> None:
    ended, first, second = queue("cleo", 1.0), queue("ann", 2.0), queue("bob", 3.0)
    runs.request_cancel(ended.id, 4.0)
    runs.start(first.id, 5.0)
    assert (runs.num_ahead(first.id), runs.num_ahead(second.id)) == (0, 1)
