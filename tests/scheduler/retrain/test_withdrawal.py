"""Runs of users who delete feedback that a version or a candidate learned."""

from pathlib import Path

import pytest
from sqlite_utils import Database

from adapters_store.errors import AdapterWithdrawnError
from scheduler.records import RunStatus
from tests.scheduler.evaluations import good
from tests.scheduler.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, Database(memory=True))


@pytest.fixture
def learned(world: World) -> str:
    """The id of the second of two corrections that v1, which is in use, learned."""
    world.correct("ann", "one")
    feedback_id = world.correct("ann", "two")
    world.train("ann")
    return feedback_id


def delete(world: World, feedback_id: str) -> None:
    world.log.delete_feedback("ann", feedback_id, world.now)


def label(world: World) -> str:
    version = world.registry.active("ann")
    return version.label if version else "base"


def test_the_base_answers_as_soon_as_feedback_is_deleted(world: World, learned: str) -> None:
    delete(world, learned)
    assert label(world) == "base"
    with pytest.raises(AdapterWithdrawnError):
        world.registry.servable("ann", 1)


def test_the_base_answers_as_soon_as_a_completion_is_deleted(world: World, learned: str) -> None:
    completion = world.log.feedback("ann", learned).completion_id
    world.log.delete_interaction("ann", completion)
    assert label(world) == "base"


def test_the_refit_is_in_use_and_holds_nothing_of_it(world: World, learned: str) -> None:
    withdrawn = world.active("ann").example_ids
    delete(world, learned)
    assert world.train("ann").status is RunStatus.PROMOTED
    refit = world.active("ann")
    assert (refit.number, refit.parent) == (2, None)
    assert set(refit.example_ids) < set(withdrawn)


def test_a_withdrawn_version_is_neither_continued_nor_compared_with(
    world: World, learned: str
) -> None:
    delete(world, learned)
    world.train("ann")
    job = world.trainer.jobs[1]
    assert (job.incumbent, job.incumbent_example_ids, job.warm_start) == (None, (), False)


def test_a_refused_refit_leaves_the_base(world: World, learned: str) -> None:
    delete(world, learned)
    world.trainer.evaluation = good(train_loss_after=9.0)
    assert world.train("ann").status is RunStatus.REFUSED
    assert label(world) == "base"


def test_a_failed_refit_leaves_the_base(world: World, learned: str) -> None:
    delete(world, learned)
    world.runs.fail(world.begin("ann").id, "lost", world.now)
    assert label(world) == "base"


def test_if_everything_is_deleted_nothing_is_trained(world: World, learned: str) -> None:
    delete(world, learned)
    delete(world, "ann-one")
    run = world.train("ann")
    assert (run.status, run.reason) == (RunStatus.REFUSED, "nothing to learn from yet")
    assert (label(world), len(world.trainer.jobs)) == ("base", 1)


def test_a_candidate_that_learned_what_was_deleted_meanwhile_is_not_stored(
    world: World, learned: str
) -> None:
    other = world.correct("ann", "three")
    world.trainer.meanwhile = lambda: delete(world, other)
    run = world.train("ann")
    assert run.status is RunStatus.REFUSED
    assert run.reason == "feedback that it learned from was deleted or changed during the run"
    assert [version.number for version in world.registry.versions("ann")] == [1]
    assert world.folders() == {world.active("ann").folder}


def test_a_candidate_that_learned_what_was_changed_meanwhile_is_not_stored(
    world: World, learned: str
) -> None:
    turn = world.log.feedback("ann", learned).completion_id
    world.correct("ann", "three")
    world.trainer.meanwhile = lambda: world.recorrect("ann", "two", turn, "another reply.")
    assert world.train("ann").version is None
    assert (label(world), world.folders()) == ("base", {world.registry.version("ann", 1).folder})


def test_a_candidate_that_was_refused_meanwhile_leaves_no_report(
    world: World, learned: str
) -> None:
    other = world.correct("ann", "three")
    world.trainer.evaluation = good(train_loss_after=9.0)
    world.trainer.meanwhile = lambda: delete(world, other)
    assert world.train("ann").report == {}


def test_feedback_given_meanwhile_does_not_keep_a_candidate_out(world: World, learned: str) -> None:
    turn = world.log.feedback("ann", learned).completion_id
    world.correct("ann", "three")
    world.trainer.meanwhile = lambda: world.recorrect("ann", "new", turn, "another reply.")
    assert world.train("ann").version == 2
    assert label(world) == "v2"


def test_what_is_given_again_is_learned_again(world: World, learned: str) -> None:
    turn, before = world.log.feedback("ann", learned).completion_id, world.active("ann")
    delete(world, learned)
    world.recorrect("ann", "again", turn, "a long and two reply.")
    assert label(world) == "base"
    assert world.train("ann").status is RunStatus.PROMOTED
    assert set(world.active("ann").example_ids) == set(before.example_ids)
