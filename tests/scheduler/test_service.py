"""When training happens, on real threads, a real database file and a real child process."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from scheduler.errors import RunNotFoundError
from scheduler.policy import FAILED_COOLDOWN_FACTOR
from scheduler.records import PolicyConfig, RunStatus, ScheduleConfig, TrainingRun
from scheduler.run_store import REQUESTED, SCHEDULED
from scheduler.service import SchedulerService
from scheduler.trainer.worker import ProcessTrainer
from server.database import SharedDatabase
from tests.scheduler.evaluations import without_held_out
from tests.scheduler.world import World

ROOT = Path(__file__).parents[2]
NEVER = ScheduleConfig(interval=0, nightly="")
DAY = 86400.0
POLICY = PolicyConfig(min_new_feedback=2, cooldown=600.0, daily_runs=24)


def eventually(condition: Callable[[], bool]) -> None:
    """Return as soon as `condition()` holds; fail after 20 seconds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


class Server:
    """A world whose service can be stopped and started again on the same files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = SharedDatabase(folder / "loralei.sqlite")
        self.world = World(folder, self.database)
        self.service = self.build()

    def build(
        self, schedule: ScheduleConfig = NEVER, *, parallel_runs: int = 1
    ) -> SchedulerService:
        self.service = SchedulerService(
            candidates=self.world.candidates,
            runs=self.world.runs,
            rollback_monitor=self.world.rollback_monitor,
            pipeline=self.world.pipeline,
            suite=self.world.build_suite(),
            policy_config=POLICY,
            schedule=schedule,
            clock=self.world.clock,
            parallel_runs=parallel_runs,
        )
        return self.service

    def train_in_a_child(self, behaviour: str, num_users: int = 1) -> None:
        """Train in the fake training process instead of in this one."""
        worker = ProcessTrainer(
            self.folder / "jobs",
            lambda: False,
            60.0,
            module="tests.scheduler.fake_trainer",
            num_users=num_users,
        )
        self.world.use(worker, behaviour)
        self.build(parallel_runs=num_users)

    def train_both_in_a_child(self, behaviour: str) -> list[TrainingRun]:
        """Queue a run of two users, and begin."""
        for user in ("ann", "bob"):
            self.world.correct(user, "one")
        self.train_in_a_child(behaviour, num_users=2)
        runs = [self.service.request(user, by="admin") for user in ("ann", "bob")]
        self.service.start()
        return runs

    def status(self, run: TrainingRun) -> RunStatus:
        return self.world.runs.run(run.id).status

    def end_of(self, run: TrainingRun) -> TrainingRun:
        eventually(lambda: self.status(run).is_final)
        return self.world.runs.run(run.id)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    server = Server(tmp_path)
    yield server
    server.service.stop()
    server.database.close()


def test_a_requested_run_is_worked(server: Server) -> None:
    server.world.correct("ann", "one")
    server.service.start()
    run = server.service.request("ann", by="admin")
    assert (run.status, run.trigger) == (RunStatus.QUEUED, REQUESTED)
    assert server.end_of(run).status is RunStatus.PROMOTED


def test_a_second_request_returns_the_open_run(server: Server) -> None:
    first = server.service.request("ann", by="ann")
    assert server.service.request("ann", by="admin").id == first.id


def test_a_tick_queues_users_who_are_due_the_longest_waiting_first(server: Server) -> None:
    world = server.world
    for user, corrections in (("ann", 2), ("bob", 1), ("cleo", 2)):
        for number in range(corrections):
            world.correct(user, str(number))
    world.train("ann")
    for number in range(2, 4):
        world.correct("ann", str(number))
    world.now += POLICY.cooldown
    runs = server.service.tick()
    assert [run.user_id for run in runs] == ["cleo", "ann"]
    assert {run.trigger for run in runs} == {SCHEDULED}


def test_a_second_tick_queues_nobody_twice(server: Server) -> None:
    server.world.correct("ann", "one")
    server.world.correct("ann", "two")
    assert len(server.service.tick()) == 1
    assert server.service.tick() == []


@pytest.mark.parametrize(("watch", "answers"), [(True, "base"), (False, "v1")])
def test_a_tick_rolls_back_a_worse_version_and_queues_no_run_for_it(
    server: Server, watch: bool, answers: str
) -> None:
    world = server.world
    world.trainer.evaluation = without_held_out()
    liked = [world.answer("ann", f"liked {number}") for number in range(10)]
    for reply in liked:
        world.rate("ann", reply, 1)
    world.correct("ann", "edited")
    world.train("ann")
    for number in range(6):
        world.rate("ann", world.answer("ann", f"disliked {number}", adapter="v1"), -1)
    world.now += POLICY.cooldown
    runs = server.build(replace(NEVER, watch=watch)).tick()
    active = world.registry.active("ann")
    assert (active.label if active else "base") == answers
    assert [run.user_id for run in runs] == ([] if watch else ["ann"])


def test_at_night_one_feedback_item_is_enough(server: Server) -> None:
    server.world.correct("ann", "one")
    assert server.service.tick() == []
    assert [run.user_id for run in server.service.nightly_tick()] == ["ann"]


def test_at_night_the_suite_measures_versions_in_use(server: Server) -> None:
    server.world.correct("ann", "one")
    server.world.train("ann")
    server.service.tick()
    assert server.world.suite_runs.newest("ann", 1) is None
    server.service.nightly_tick()
    assert server.world.suite_runs.newest("ann", 1) is not None


def test_feedback_that_a_run_has_read_is_not_new(server: Server) -> None:
    server.world.correct("ann", "one")
    server.world.train("ann")
    assert server.service.candidate("ann").new_feedback == 0
    server.world.correct("ann", "two")
    assert server.service.candidate("ann").new_feedback == 1


def test_feedback_given_during_a_run_is_new(server: Server) -> None:
    server.world.correct("ann", "one")

    def correct_another() -> None:
        server.world.correct("ann", "two")

    server.world.trainer.meanwhile = correct_another
    server.world.train("ann")
    assert server.service.candidate("ann").new_feedback == 1


def test_one_deletion_of_what_was_learned_is_enough_at_once(server: Server) -> None:
    world = server.world
    feedback_id = world.correct("ann", "one")
    world.train("ann")
    assert server.service.tick() == []
    world.log.delete_feedback("ann", feedback_id, world.now)
    assert server.service.due("ann").reason.startswith("feedback that the version in use had")
    assert [run.user_id for run in server.service.tick()] == ["ann"]


def test_one_deletion_of_what_was_not_learned_is_not_enough(server: Server) -> None:
    world = server.world
    world.correct("ann", "one")
    world.train("ann")
    world.log.delete_feedback("ann", world.correct("ann", "two"), world.now)
    assert server.service.tick() == []


def test_a_withdrawal_is_not_tried_again_after_a_verdict(server: Server) -> None:
    world = server.world
    feedback_id = world.correct("ann", "one")
    world.train("ann")
    world.log.delete_feedback("ann", feedback_id, world.now)
    assert world.train("ann").reason == "nothing to learn from yet"
    assert server.service.tick() == []


def test_a_withdrawal_is_tried_again_after_a_failure(server: Server) -> None:
    world = server.world
    world.correct("ann", "one")
    feedback_id = world.correct("ann", "two")
    world.train("ann")
    world.log.delete_feedback("ann", feedback_id, world.now)
    world.runs.fail(world.begin("ann").id, "lost", world.now)
    assert server.service.tick() == []
    world.now += POLICY.cooldown * FAILED_COOLDOWN_FACTOR
    assert [run.user_id for run in server.service.tick()] == ["ann"]


def test_a_withdrawal_during_a_run_makes_the_user_due_again(server: Server) -> None:
    world = server.world
    first, second, _ = (world.correct("ann", name) for name in ("one", "two", "three"))
    world.train("ann")
    world.log.delete_feedback("ann", first, world.now)
    world.trainer.meanwhile = lambda: world.log.delete_feedback("ann", second, world.now)
    world.train("ann")
    assert [run.user_id for run in server.service.tick()] == ["ann"]


def test_a_frozen_user_is_due_for_a_withdrawal_once_unfrozen(server: Server) -> None:
    world = server.world
    feedback_id = world.correct("ann", "one")
    world.train("ann")
    world.registry.set_frozen("ann", True, by="admin", at=world.now)
    world.log.delete_feedback("ann", feedback_id, world.now)
    assert server.service.tick() == []
    world.registry.set_frozen("ann", False, by="admin", at=world.now)
    assert [run.user_id for run in server.build().tick()] == ["ann"]


def test_a_clock_that_is_set_back_makes_nobody_wait(server: Server) -> None:
    world = server.world
    world.correct("ann", "one")
    world.train("ann")
    world.now -= 2 * DAY
    for number in range(6):
        world.correct("ann", str(number))
    assert server.service.candidate("ann").new_feedback == 6
    assert [run.user_id for run in server.service.tick()] == ["ann"]


def test_feedback_given_by_a_wrong_clock_counts_once_it_is_right_again(server: Server) -> None:
    world = server.world
    world.correct("ann", "one")
    world.train("ann")
    world.now -= 2 * DAY
    for number in range(6):
        world.correct("ann", str(number))
    world.now += 2 * DAY + POLICY.cooldown
    assert [run.user_id for run in server.build().tick()] == ["ann"]


def test_a_clock_that_was_ahead_makes_nobody_wait(server: Server) -> None:
    world = server.world
    world.now += 10 * DAY
    world.correct("ann", "one")
    world.train("ann")
    world.registry.roll_back("ann", by="ann", at=world.now, reason="worse")
    world.now -= 10 * DAY
    for number in range(2):
        world.correct("ann", str(number))
    assert [run.user_id for run in server.service.tick()] == ["ann"]


def test_no_statement_of_a_tick_scans_a_table(server: Server) -> None:
    world = server.world
    world.trainer.evaluation = without_held_out()
    world.correct("ann", "one")
    world.train("ann")
    for user in ("ann", "bob"):
        for number in range(2):
            world.correct(user, f"more {number}")
    world.now += POLICY.cooldown
    statements: list[str] = []
    server.database.conn.set_trace_callback(statements.append)
    assert len(server.service.tick()) == 2
    server.database.conn.set_trace_callback(None)
    read = [each for each in statements if each.startswith(("SELECT", "UPDATE"))]
    plans = [step for each in read for step in plan(server.database, each)]
    # What a subquery found is one user's.
    small = ("VIRTUAL TABLE", "(subquery", "CONSTANT ROW")
    scans = {
        step
        for step in plans
        if step.startswith("SCAN") and not any(each in step for each in small)
    }
    # That index holds only the users who gave feedback since the last tick.
    assert scans == {"SCAN unseen_feedback USING INDEX unwatched_feedback"}


def plan(database: Database, statement: str) -> list[str]:
    """The steps in which SQLite executes a statement."""
    return [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}")]


def test_the_reason_why_a_user_is_not_due_is_given(server: Server) -> None:
    server.world.correct("ann", "one")
    decision = server.service.due("ann")
    assert not decision.due
    assert decision.reason == "1 new feedback item; training starts at 2"


def test_a_service_with_a_schedule_prepares_the_next_run(server: Server) -> None:
    server.build(ScheduleConfig(interval=3600, nightly="")).start()
    eventually(lambda: server.world.trainer.prepared == 1)
    eventually(lambda: server.world.model.asked == [None] * 5)
    server.service.stop()
    assert server.world.trainer.closed == 1


def test_a_service_that_trains_on_request_only_prepares_nothing(server: Server) -> None:
    server.world.correct("ann", "one")
    server.service.start()
    server.end_of(server.service.request("ann", by="admin"))
    assert server.world.trainer.prepared == 0


def test_a_service_that_cannot_prepare_still_trains(server: Server) -> None:
    def fail_first() -> None:
        raise OSError("no more processes")

    server.world.correct("ann", "one")
    server.world.trainer.before_preparing = fail_first
    server.build(ScheduleConfig(interval=3600, nightly="")).start()
    run = server.end_of(server.service.request("ann", by="admin"))
    assert run.status is RunStatus.PROMOTED


def test_the_interval_asks_by_itself(server: Server) -> None:
    server.world.correct("ann", "one")
    server.world.correct("ann", "two")
    server.build(ScheduleConfig(interval=0.05, nightly="")).start()
    eventually(lambda: server.world.registry.active("ann") is not None)


def test_an_invalid_cron_line_is_refused(server: Server) -> None:
    with pytest.raises(ValueError):
        server.build(ScheduleConfig(interval=0, nightly="at three"))


def test_runs_are_worked_one_at_a_time(server: Server) -> None:
    at_work: list[str] = []
    most: list[int] = []

    def watch() -> None:
        at_work.append(threading.current_thread().name)
        most.append(len(server.world.runs.runs(status=RunStatus.RUNNING)))

    server.world.trainer.meanwhile = watch
    for user in ("ann", "bob", "cleo"):
        server.world.correct(user, "one")
    runs = [server.service.request(user, by="admin") for user in ("ann", "bob", "cleo")]
    server.service.start()
    assert {server.end_of(run).status for run in runs} == {RunStatus.PROMOTED}
    assert most == [1, 1, 1]
    assert set(at_work) == {"training"}


def test_two_users_are_trained_at_once(server: Server) -> None:
    both = threading.Barrier(2)
    server.world.trainer.meanwhile = lambda: both.wait(20)
    for user in ("ann", "bob"):
        server.world.correct(user, "one")
    server.build(parallel_runs=2)
    runs = [server.service.request(user, by="admin") for user in ("ann", "bob")]
    server.service.start()
    assert {server.end_of(run).status for run in runs} == {RunStatus.PROMOTED}
    for user in ("ann", "bob"):
        version = server.world.active(user)
        assert server.world.files.open(version).is_dir()
        owners = {each.user_id for each in server.world.registry.versions(user)}
        assert (version.number, owners) == (1, {user})
    assert len(server.world.folders()) == 2
    own = [{each.user_id for each in data.examples} for data in server.world.trainer.datasets]
    assert sorted(map(sorted, own)) == [["ann"], ["bob"]]


def test_erasing_one_of_two_users_in_training_leaves_the_other(server: Server) -> None:
    both, is_erased = threading.Barrier(2), threading.Event()

    def wait() -> None:
        both.wait(20)
        assert is_erased.wait(20)

    server.world.trainer.meanwhile = wait
    for user in ("ann", "bob"):
        server.world.correct(user, "one")
    server.build(parallel_runs=2)
    runs = {user: server.service.request(user, by="admin") for user in ("ann", "bob")}
    server.service.start()
    eventually(lambda: len(server.world.runs.runs(status=RunStatus.RUNNING)) == 2)
    server.world.log.erase("ann")
    server.world.runs.erase("ann")
    is_erased.set()
    server.service.erase("ann")
    assert server.end_of(runs["bob"]).status is RunStatus.PROMOTED
    assert server.world.runs.runs("ann") == []
    assert server.world.registry.versions("ann") == []
    assert server.world.folders() == {server.world.active("bob").folder}


def test_an_unexpected_error_fails_its_run_only(server: Server) -> None:
    def break_once() -> None:
        server.world.trainer.meanwhile = lambda: None
        raise KeyError("lost")

    server.world.trainer.meanwhile = break_once
    for user in ("ann", "bob"):
        server.world.correct(user, "one")
    runs = [server.service.request(user, by="admin") for user in ("ann", "bob")]
    server.service.start()
    first, second = (server.end_of(run) for run in runs)
    assert (first.status, first.reason) == (RunStatus.FAILED, "unexpected error: KeyError: 'lost'")
    assert second.status is RunStatus.PROMOTED


def test_a_crashed_child_fails_its_run_and_the_version_in_use_stays(server: Server) -> None:
    server.world.correct("ann", "one")
    server.world.train("ann")
    server.world.correct("ann", "two")
    server.train_in_a_child("be_killed")
    server.service.start()
    run = server.end_of(server.service.request("ann", by="admin"))
    assert run.status is RunStatus.FAILED
    assert "ran out of memory" in run.reason
    assert run.usage["device_seconds"] > 0
    assert server.world.active("ann").number == 1


def test_a_run_in_a_child_ends_with_a_version(server: Server) -> None:
    server.world.correct("ann", "one")
    server.train_in_a_child("succeed")
    server.service.start()
    run = server.end_of(server.service.request("ann", by="admin"))
    assert (run.status, run.version) == (RunStatus.PROMOTED, 1)
    assert run.usage["examples"] == len(server.world.active("ann").example_ids)


def test_a_cancelled_run_ends_within_moments(server: Server) -> None:
    server.world.correct("ann", "one")
    server.train_in_a_child("hear_nothing")
    server.service.start()
    run = server.service.request("ann", by="admin")
    eventually((server.folder / "replies" / "pid").exists)
    server.service.cancel(run.id)
    ended = server.end_of(run)
    assert (ended.status, ended.reason) == (RunStatus.CANCELLED, "cancelled during the run")
    assert ended.usage["device_seconds"] > 0


def test_an_unknown_run_cannot_be_cancelled(server: Server) -> None:
    with pytest.raises(RunNotFoundError):
        server.service.cancel("run-unknown")


def test_stopping_ends_the_child_and_the_run_starts_again_with_the_server(server: Server) -> None:
    server.world.correct("ann", "one")
    server.world.correct("bob", "one")
    server.train_in_a_child("hear_nothing")
    server.service.start()
    run = server.service.request("ann", by="admin")
    waiting = server.service.request("bob", by="admin")
    eventually((server.folder / "replies" / "pid").exists)
    begun = time.monotonic()
    server.service.stop()
    assert time.monotonic() - begun < 2.0
    stopped = server.world.runs.run(run.id)
    assert stopped.status is RunStatus.QUEUED
    assert stopped.reason == "the server stopped; this run starts again with it"
    assert server.status(waiting) is RunStatus.QUEUED
    assert list((server.folder / "jobs").iterdir()) == []

    server.train_in_a_child("succeed")
    server.service.start()
    assert server.end_of(run).status is RunStatus.PROMOTED
    assert server.end_of(waiting).status is RunStatus.PROMOTED


def test_after_a_crash_the_running_run_has_failed_and_the_queue_is_worked(server: Server) -> None:
    server.world.correct("ann", "one")
    server.world.correct("bob", "one")
    cut_short = server.world.begin("ann")
    waiting = server.service.request("bob", by="admin")
    server.world.files.stage()
    server.service.start()
    ended = server.world.runs.run(cut_short.id)
    assert ended.status is RunStatus.FAILED
    assert ended.reason == "the server stopped during this run"
    assert server.end_of(waiting).status is RunStatus.PROMOTED
    assert server.world.folders() == {server.world.active("bob").folder}


def test_erasing_a_user_ends_the_training_and_leaves_no_file(server: Server) -> None:
    server.world.correct("ann", "one")
    server.train_in_a_child("hear_nothing")
    server.service.start()
    server.service.request("ann", by="admin")
    eventually((server.folder / "replies" / "pid").exists)
    server.world.log.erase("ann")
    server.service.erase("ann")
    assert server.world.runs.runs("ann") == []
    assert list((server.folder / "jobs").iterdir()) == []
    assert server.world.folders() == set()


def test_stopping_an_idle_service_is_quick(server: Server) -> None:
    server.service.start()
    begun = time.monotonic()
    server.service.stop()
    assert time.monotonic() - begun < 2.0


def test_a_service_that_never_started_can_stop(server: Server) -> None:
    server.service.stop()
    assert server.world.runs.runs() == []


def test_two_due_users_are_trained_in_one_child(server: Server) -> None:
    runs = server.train_both_in_a_child("share")
    ends = [server.end_of(run) for run in runs]
    assert [end.status for end in ends] == [RunStatus.PROMOTED] * 2
    assert len({end.usage["pid"] for end in ends}) == 1
    for user in ("ann", "bob"):
        assert {each.user_id for each in server.world.registry.versions(user)} == {user}
    assert len(server.world.folders()) == 2


def test_of_two_users_in_one_child_one_can_be_cancelled(server: Server) -> None:
    first, second = server.train_both_in_a_child("outlive_one")
    eventually((server.folder / "replies" / "both").exists)
    server.service.cancel(first.id)
    assert server.end_of(first).status is RunStatus.CANCELLED
    assert server.end_of(second).status is RunStatus.PROMOTED


def test_of_two_users_in_one_child_one_can_fail(server: Server) -> None:
    runs = server.train_both_in_a_child("fail_the_first")
    statuses = [server.end_of(run).status for run in runs]
    assert sorted(statuses) == [RunStatus.FAILED, RunStatus.PROMOTED]
