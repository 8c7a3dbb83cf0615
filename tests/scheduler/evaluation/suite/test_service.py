"""The evaluation suite on real stores and its own thread, with a fake model."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters_store.records import AdapterVersion
from feedback.records import Feedback
from scheduler.errors import TrainingFailedError
from scheduler.evaluation.suite.records import SuiteRun, SuiteStatus
from scheduler.evaluation.suite.service import SuiteService
from scheduler.records import RunStatus
from scheduler.run_store import REQUESTED, SCHEDULED
from server.database import SharedDatabase
from tests.scheduler.evaluation.suite.ideal import answers
from tests.scheduler.evaluations import without_held_out
from tests.scheduler.test_service import eventually
from tests.scheduler.world import World

NONSENSE = answers(lambda *_: "and so on and so on")


class Server:
    """A user, ann, whose first version is in use, and a service that can be built again."""

    def __init__(self, folder: Path) -> None:
        self.database = SharedDatabase(folder / "loralei.sqlite")
        self.world = World(folder, self.database)
        self.version = self.train("ann")
        self.service = self.world.build_suite()

    def train(self, user_id: str) -> AdapterVersion:
        self.world.correct(user_id, f"{self.world.now}")
        self.world.train(user_id)
        return self.world.active(user_id)

    def measure(self, version: AdapterVersion | None = None) -> SuiteRun:
        """Work one run to its end."""
        self.service.request(version or self.version, by="admin")
        self.service.start()
        return self.end_of(version or self.version)

    def end_of(self, version: AdapterVersion) -> SuiteRun:
        eventually(lambda: self.newest(version).status.is_final)
        return self.newest(version)

    def newest(self, version: AdapterVersion) -> SuiteRun:
        run = self.world.suite_runs.newest(version.user_id, version.number)
        assert run is not None
        return run

    def hold(self) -> tuple[threading.Event, threading.Event]:
        """Hold the model at its first prompts: an event for that, and one to let it go on."""
        begun, gate = threading.Event(), threading.Event()

        def wait() -> None:
            begun.set()
            gate.wait(20)

        self.world.speaker.meanwhile = wait
        return begun, gate

    def restart(self) -> SuiteService:
        self.service.stop()
        self.service = self.world.build_suite()
        return self.service


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.service.stop()
    server.database.close()


def test_a_version_that_unlearned_nothing_passes_and_stays_in_use(server: Server) -> None:
    run = server.measure()
    assert (run.status, run.trigger, run.requested_by) == (
        SuiteStatus.PASSED,
        REQUESTED,
        "admin",
    )
    assert len(run.measures) > 8
    assert run.progress.fraction > 0.5
    assert server.world.active("ann") == server.version


@pytest.mark.parametrize("is_significant", [True, False])
def test_a_refused_version_is_rolled_back_with_the_sentences_as_the_reason(
    server: Server, is_significant: bool
) -> None:
    if not is_significant:
        server.world.trainer.evaluation = without_held_out()
    version = server.train("bob")
    server.world.speaker.adapter = NONSENSE
    run = server.measure(version)
    assert run.status is SuiteStatus.REFUSED
    assert run.reason.startswith("It follows ")
    move = server.world.registry.promotions("bob")[0]
    assert (move.from_number, move.to_number, move.by) == (1, None, "suite")
    assert move.reason == f"rolled back automatically: {run.reason}"


def edit_of(server: Server) -> Feedback:
    """The one correction that v1 learned."""
    return server.world.log.turns_with_feedback("ann")[1][0]


def test_a_withdrawn_version_is_not_measured(server: Server) -> None:
    server.service.request(server.version, by="admin")
    server.world.log.delete_feedback("ann", edit_of(server).id, 1.0)
    server.service.start()
    run = server.end_of(server.version)
    assert run.status is SuiteStatus.FAILED
    assert run.reason.startswith("v1 learned from feedback that was deleted or changed since")
    assert server.version not in server.world.speaker.asked


def test_a_withdrawn_version_does_not_come_back_for_a_refused_one(server: Server) -> None:
    edit = edit_of(server)
    server.world.recorrect("ann", "newer", edit.completion_id, "a long and newer reply.")
    server.world.train("ann")
    server.world.log.delete_feedback("ann", edit.id, 1.0)
    server.world.speaker.adapter = NONSENSE
    assert server.measure(server.world.active("ann")).status is SuiteStatus.REFUSED
    move = server.world.registry.promotions("ann")[0]
    assert (move.from_number, move.to_number) == (2, None)
    assert move.reason.endswith("; skipped v1: withdrawn or deleted")


def test_a_frozen_adapter_stays_as_it_is(server: Server) -> None:
    server.world.registry.set_frozen("ann", True, by="admin", at=1.0)
    server.world.speaker.adapter = NONSENSE
    assert server.measure().status is SuiteStatus.REFUSED
    assert server.world.active("ann") == server.version


def test_a_version_promoted_meanwhile_stays(server: Server) -> None:
    later: list[AdapterVersion] = []

    def promote_another() -> None:
        if not later:
            later.append(server.train("ann"))

    server.world.speaker.adapter = NONSENSE
    server.world.speaker.meanwhile = promote_another
    assert server.measure().status is SuiteStatus.REFUSED
    assert server.world.active("ann") == later[0]


def test_the_base_is_asked_once(server: Server) -> None:
    server.measure()
    asked = len(server.world.speaker.asked)
    other = server.train("bob")
    server.service.request(other, by="admin")
    server.end_of(other)
    assert None not in server.world.speaker.asked[asked:]


def test_at_night_versions_in_use_without_a_verdict_are_queued(server: Server) -> None:
    server.measure()
    server.train("bob")
    runs = server.restart().nightly_tick()
    assert [(run.user_id, run.trigger) for run in runs] == [("bob", SCHEDULED)]
    assert server.service.nightly_tick() == runs


def test_a_verdict_with_another_base_does_not_count(server: Server) -> None:
    server.measure()
    assert server.world.suite_runs.judged("revision") == {("ann", 1)}
    assert server.world.suite_runs.judged("another") == set()


def test_a_version_of_another_base_is_not_queued(server: Server) -> None:
    server.world.config = replace(server.world.config, base_revision="another")
    assert server.restart().nightly_tick() == []


def test_nothing_is_queued_at_night_if_the_operator_turned_it_off(server: Server) -> None:
    assert server.world.build_suite(is_nightly=False).nightly_tick() == []


def test_a_version_that_is_no_longer_in_use_is_not_measured(server: Server) -> None:
    server.service.nightly_tick()
    server.train("ann")
    server.service.start()
    run = server.end_of(server.version)
    assert (run.status, run.reason) == (SuiteStatus.FAILED, "v1 is no longer in use")


def test_trainings_come_first(server: Server) -> None:
    training = server.world.begin("ann")
    server.service.request(server.version, by="admin")
    server.service.start()
    eventually(lambda: server.newest(server.version).status is SuiteStatus.RUNNING)
    assert server.world.speaker.asked == []
    server.world.runs.finish(training.id, RunStatus.FAILED, "no", at=1.0)
    assert server.end_of(server.version).status is SuiteStatus.PASSED


def test_a_model_that_cannot_answer_fails_the_run_only(server: Server) -> None:
    def fail() -> None:
        raise TrainingFailedError("the server is too busy")

    server.world.speaker.meanwhile = fail
    run = server.measure()
    assert (run.status, run.reason) == (SuiteStatus.FAILED, "the server is too busy")
    assert server.world.active("ann") == server.version


def test_an_unexpected_error_fails_the_run_only(server: Server) -> None:
    def fail() -> None:
        raise KeyError("lost")

    server.world.speaker.meanwhile = fail
    assert server.measure().reason == "unexpected error: KeyError: 'lost'"


def test_stopping_puts_the_run_back_and_it_starts_again_with_the_server(server: Server) -> None:
    begun, gate = server.hold()
    other = server.train("bob")
    for version in (server.version, other):
        server.service.request(version, by="admin")
    server.service.start()
    assert begun.wait(20)
    blocked = server.world.begin("cleo")  # holds the suite back at its next look
    gate.set()
    server.restart()
    stopped = server.newest(server.version)
    assert (stopped.status, stopped.reason) == (
        SuiteStatus.QUEUED,
        "the server stopped; this run starts again with it",
    )
    server.world.runs.finish(blocked.id, RunStatus.FAILED, "no", at=1.0)
    server.service.start()
    assert server.end_of(server.version).status is SuiteStatus.PASSED
    assert server.end_of(other).status is SuiteStatus.PASSED


def test_after_a_crash_the_running_run_has_failed_and_the_queue_is_worked(server: Server) -> None:
    cut_short = server.service.request(server.version, by="admin")
    server.world.suite_runs.start(cut_short.id, 1.0)
    other = server.train("bob")
    server.service.request(other, by="admin")
    server.service.start()
    assert server.end_of(other).status is SuiteStatus.PASSED
    assert server.newest(server.version).reason == "the server stopped during this run"


def test_an_open_run_is_returned_as_it_is(server: Server) -> None:
    first = server.service.request(server.version, by="ann")
    assert server.service.request(server.version, by="admin") == first


def test_erasing_a_user_ends_the_run_and_leaves_none(server: Server) -> None:
    begun, gate = server.hold()
    server.service.request(server.version, by="admin")
    server.service.start()
    assert begun.wait(20)
    server.world.suite_runs.erase("ann")
    gate.set()
    server.service.erase("ann")
    assert server.world.suite_runs.newest("ann", 1) is None
