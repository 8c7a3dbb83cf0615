"""Runs of the organisation: it learns what users share, and forgets what they take back."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlite_utils import Database

from adapters_store.errors import AdapterWithdrawnError
from feedback.records import ORGANISATION
from scheduler.evaluation.rollback import ACTOR
from scheduler.records import PolicyConfig, RunStatus, ScheduleConfig
from scheduler.served_model import Adapter, Prompt, Reply
from scheduler.service import SchedulerService
from tests.scheduler.evaluations import without_held_out
from tests.scheduler.world import FakeServedModel, World

HANDBOOK = "The office in Lyon opens at 9 and closes at 18 on working days."
QUESTION = "When does the office in Lyon open?"
ANSWER = "The office in Lyon opens at 9."
UNAIDED = "I do not know that."


class ReadingModel(FakeServedModel):
    """A model that asks one question of a handbook, and knows the answer only with it."""

    answer = ANSWER

    def reply(
        self, prompts: Sequence[Prompt], adapter: Adapter, is_cancelled: Callable[[], bool]
    ) -> list[Reply]:
        replies = super().reply(prompts, adapter, is_cancelled)
        return [
            Reply(each.messages, self._about_handbook(each.messages[-1].content) or reply.text)
            for each, reply in zip(prompts, replies, strict=True)
        ]

    def _about_handbook(self, text: str) -> str | None:
        if text.startswith(HANDBOOK):
            return self.answer if QUESTION in text else f"1. {QUESTION}\n2. Nothing else"
        return UNAIDED if text == QUESTION else None


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Database(memory=True) as database:
        world = World(tmp_path, database)
        world.model = ReadingModel()
        world.pipeline = world.build_pipeline(world.trainer)
        yield world


def label(world: World) -> str:
    version = world.registry.active(ORGANISATION)
    return version.label if version else "base"


def learned(world: World) -> set[str]:
    """The prompts that the newest fit learned."""
    return {each.messages[-1].content for each in world.trainer.datasets[-1].examples}


def test_it_learns_of_those_who_share_and_of_nobody_else(world: World) -> None:
    for user in ("ann", "bob", "cleo"):
        world.correct(user, f"of {user}")
    world.share("ann")
    world.share("cleo")
    world.share("cleo", shares=False)
    assert world.train(ORGANISATION).status is RunStatus.PROMOTED
    assert {"Question of ann?"} <= learned(world)
    assert learned(world).isdisjoint({"Question of bob?", "Question of cleo?"})
    assert world.registry.active("ann") is None


def test_what_two_users_said_alike_is_learned_once(world: World) -> None:
    for user in ("ann", "bob"):
        world.correct(user, "one")
        world.share(user)
    world.train(ORGANISATION)
    taught = [e for e in world.trainer.datasets[-1].examples if e.feedback_ids]
    assert len({each.id for each in taught}) == len(taught)
    assert {each.user_id for each in taught} == {ORGANISATION}


def test_nobodys_memory_is_its_baseline(world: World) -> None:
    world.correct("ann", "one")
    world.share("ann")
    world.train(ORGANISATION)
    memory = world.trainer.jobs[-1].memory
    assert (memory.tokens, memory.demonstrations) == (0, 0)


def test_a_document_becomes_a_question_with_the_answer_over_the_bases_own(world: World) -> None:
    document = world.documents.add("Handbook", HANDBOOK, by="admin")
    assert world.train(ORGANISATION).status is RunStatus.PROMOTED
    examples = world.trainer.datasets[-1].examples
    assert {(e.messages[-1].content, e.chosen, e.rejected) for e in examples} == {
        (QUESTION, ANSWER, None),
        (QUESTION, ANSWER, UNAIDED),
    }
    read = world.documents.document(document.id)
    assert (read.num_questions, read.num_rejected) == (1, 0)


def test_an_answer_that_the_document_does_not_support_is_not_taught(world: World) -> None:
    world.model = ReadingModel()
    world.model.answer = "The office in Lyon opens at 7."
    world.pipeline = world.build_pipeline(world.trainer)
    document = world.documents.add("Handbook", HANDBOOK, by="admin")
    assert world.train(ORGANISATION).status is RunStatus.REFUSED
    read = world.documents.document(document.id)
    assert (read.num_questions, read.num_rejected) == (0, 1)


def test_a_document_is_read_once(world: World) -> None:
    world.documents.add("Handbook", HANDBOOK, by="admin")
    world.train(ORGANISATION)
    asked = len(world.model.prompts)
    run = world.train(ORGANISATION)
    assert run.reason == "nothing new since v1"
    assert len(world.model.prompts) == asked


def stop_sharing(world: World) -> None:
    world.share("bob", shares=False)


def delete_feedback(world: World) -> None:
    world.log.delete_feedback("bob", "bob-two", world.now)


def erase(world: World) -> None:
    world.log.erase("bob")


TAKE_BACK = [stop_sharing, delete_feedback, erase]


@pytest.fixture
def two_versions(world: World) -> World:
    """v1 learned of Ann, v2, which is in use, of Ann and Bob."""
    world.correct("ann", "one")
    world.share("ann")
    world.train(ORGANISATION)
    world.correct("bob", "two")
    world.share("bob")
    world.train(ORGANISATION)
    assert label(world) == "v2"
    return world


@pytest.mark.parametrize("take_back", TAKE_BACK)
def test_the_version_before_answers_at_once(
    two_versions: World, take_back: Callable[[World], None]
) -> None:
    take_back(two_versions)
    assert label(two_versions) == "v1"
    with pytest.raises(AdapterWithdrawnError):
        two_versions.registry.servable(ORGANISATION, 2)


def test_if_all_versions_hold_it_none_answers(two_versions: World) -> None:
    two_versions.share("ann", shares=False)
    assert label(two_versions) == "base"


@pytest.mark.parametrize("take_back", TAKE_BACK)
def test_no_rollback_brings_it_back(
    two_versions: World, take_back: Callable[[World], None]
) -> None:
    take_back(two_versions)
    registry = two_versions.registry
    move = registry.roll_back(ORGANISATION, by="admin", at=two_versions.now, reason="")
    assert (move.from_number, move.to_number) == (1, None)


@pytest.mark.parametrize("take_back", TAKE_BACK)
def test_a_fit_under_way_that_holds_it_is_not_stored(
    two_versions: World, take_back: Callable[[World], None]
) -> None:
    two_versions.correct("ann", "three")
    two_versions.trainer.meanwhile = lambda: take_back(two_versions)
    run = two_versions.train(ORGANISATION)
    assert (run.status, run.version) == (RunStatus.REFUSED, None)
    assert label(two_versions) == "v1"


def test_a_document_that_is_deleted_is_withdrawn(world: World) -> None:
    document = world.documents.add("Handbook", HANDBOOK, by="admin")
    world.train(ORGANISATION)
    world.documents.delete(document.id, by="admin")
    assert label(world) == "base"


def test_feedback_of_somebody_who_does_not_share_withdraws_nothing(two_versions: World) -> None:
    world = two_versions
    world.correct("dan", "two")  # the same as Bob's
    world.log.delete_feedback("dan", "dan-two", world.now)
    assert label(world) == "v2"


def service(world: World, *, has_organisation: bool = True) -> SchedulerService:
    return SchedulerService(
        candidates=world.candidates,
        runs=world.runs,
        rollback_monitor=world.rollback_monitor,
        pipeline=world.pipeline,
        suite=world.build_suite(is_nightly=False),
        policy_config=PolicyConfig(min_new_feedback=1),
        schedule=ScheduleConfig(interval=0, nightly=""),
        clock=world.clock,
        has_organisation=has_organisation,
    )


def queued(world: World, tick: Callable[[], object]) -> bool:
    tick()
    return world.runs.open_run(ORGANISATION) is not None


def test_it_is_fitted_at_night_only(world: World) -> None:
    world.correct("ann", "one")
    world.share("ann")
    assert not queued(world, service(world).tick)
    assert queued(world, service(world).nightly_tick)


def test_without_news_it_is_not_fitted(two_versions: World) -> None:
    two_versions.now += 100_000.0
    assert not queued(two_versions, service(two_versions).nightly_tick)


def test_it_is_not_fitted_if_it_is_off(world: World) -> None:
    world.correct("ann", "one")
    world.share("ann")
    assert not queued(world, service(world, has_organisation=False).nightly_tick)


@pytest.mark.parametrize("take_back", TAKE_BACK)
def test_a_withdrawal_brings_the_fit_forward(
    two_versions: World, take_back: Callable[[World], None]
) -> None:
    take_back(two_versions)
    assert queued(two_versions, service(two_versions).tick)


def test_bad_ratings_of_those_who_share_roll_a_provisional_version_back(world: World) -> None:
    world.trainer.evaluation = without_held_out()
    world.correct("ann", "one")
    world.share("ann")
    for _ in range(12):
        world.rate("ann", world.answer("ann", f"{world.now}", f"Reply {world.now}."), 1)
    world.train(ORGANISATION)
    for _ in range(8):
        reply = world.answer("ann", f"{world.now}", f"Reply {world.now}.", organisation="v1")
        world.rate("ann", reply, -1)
    moves = world.rollback_monitor.look()
    assert (ORGANISATION, ACTOR) in {(move.user_id, move.by) for move in moves}
    assert label(world) == "base"
