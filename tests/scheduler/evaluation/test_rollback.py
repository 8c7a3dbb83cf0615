"""Provisional versions are rolled back if their replies got worse, on real stores."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from scheduler.policy import is_due
from scheduler.records import PolicyConfig, RunStatus, TrainingRun
from tests.scheduler.evaluations import GOOD, without_held_out
from tests.scheduler.world import World

DAY = 86400.0
REASON = "rolled back automatically: 6 of 6 rated replies were bad, 17 % of 12 before"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Ann liked ten of twelve replies; her first version is provisional."""
    with Database(memory=True) as database:
        world = World(tmp_path, database)
        world.trainer.evaluation = without_held_out()
        rate(world, "ann", liked=10, disliked=2)
        assert learn(world, "ann").version == 1
        yield world


def learn(world: World, user_id: str) -> TrainingRun:
    """Have a user edit a reply, so little that it is no bad mark, and train."""
    world.correct(user_id, f"edit {world.now}", "a long and formal reply.")
    return world.train(user_id)


def rate(world: World, user_id: str, *, liked: int = 0, disliked: int = 0) -> None:
    """Have a user rate new replies of the version in use."""
    active = world.registry.active(user_id)
    adapter = "base" if active is None else active.label
    for value, number in ((1, liked), (-1, disliked)):
        for _ in range(number):
            reply = world.answer(user_id, f"{world.now}", f"Reply {world.now}.", adapter)
            world.rate(user_id, reply, value)


def answering(world: World, user_id: str = "ann") -> str:
    """The label of the version in use."""
    active = world.registry.active(user_id)
    return "base" if active is None else active.label


def test_a_version_whose_replies_got_worse_is_rolled_back_with_the_reason(world: World) -> None:
    rate(world, "ann", disliked=6)
    (move,) = world.rollback_monitor.look()
    assert answering(world) == "base"
    assert (move.from_number, move.to_number, move.by, move.reason) == (1, None, "watch", REASON)
    assert world.registry.promotions("ann")[0] == move


def test_a_version_that_was_withdrawn_does_not_come_back(world: World) -> None:
    _, given = world.log.turns_with_feedback("ann")
    (edit,) = (each for each in given if each.correction)
    world.now += 1.0
    world.recorrect("ann", "newer", edit.completion_id, "a long and formal answer.")
    assert world.train("ann").version == 2
    world.log.delete_feedback("ann", edit.id, world.now)
    assert answering(world) == "v2"
    rate(world, "ann", disliked=6)
    (move,) = world.rollback_monitor.look()
    assert move.to_number is None
    assert move.reason.endswith("; skipped v1: withdrawn or deleted")


def test_a_version_whose_replies_are_as_good_as_before_stays(world: World) -> None:
    rate(world, "ann", liked=5, disliked=1)
    assert world.rollback_monitor.look() == []
    assert answering(world) == "v1"


def test_a_significant_version_is_not_tested(world: World) -> None:
    world.trainer.evaluation = GOOD
    rate(world, "ann", liked=1)
    learn(world, "ann")
    rate(world, "ann", disliked=6)
    assert world.rollback_monitor.look() == []


def test_a_frozen_adapter_stays_as_it_is(world: World) -> None:
    rate(world, "ann", disliked=6)
    world.registry.set_frozen("ann", True, by="admin", at=world.now)
    assert world.rollback_monitor.look() == []


def test_a_version_that_got_worse_while_frozen_is_rolled_back_once_it_is_not(
    world: World,
) -> None:
    rate(world, "ann", disliked=6)
    world.registry.set_frozen("ann", True, by="admin", at=world.now)
    world.rollback_monitor.look()
    world.registry.set_frozen("ann", False, by="admin", at=world.now)
    assert len(world.rollback_monitor.look()) == 1


def test_a_user_without_new_feedback_is_not_looked_at_again(world: World) -> None:
    rate(world, "ann", disliked=1)
    assert [*world.unseen.unwatched()] == ["ann"]
    world.rollback_monitor.look()
    assert world.unseen.unwatched() == {}
    rate(world, "ann", disliked=1)
    assert [*world.unseen.unwatched()] == ["ann"]


@pytest.mark.parametrize("jump", [-2 * DAY, 2 * DAY])
def test_a_clock_that_jumps_hides_no_worse_version(world: World, jump: float) -> None:
    world.now += jump
    rate(world, "ann", disliked=6)
    (move,) = world.rollback_monitor.look()
    assert move.reason == REASON


def test_another_users_version_is_not_touched(world: World) -> None:
    rate(world, "bob", liked=10, disliked=2)
    learn(world, "bob")
    rate(world, "bob", liked=2)
    rate(world, "ann", disliked=6)
    assert [move.user_id for move in world.rollback_monitor.look()] == ["ann"]
    assert answering(world, "bob") == "v1"


def test_ratings_of_older_replies_do_not_count_against_a_version(world: World) -> None:
    old = [world.answer("bob", f"{number}") for number in range(6)]
    rate(world, "bob", liked=10)
    learn(world, "bob")
    for reply in old:
        world.rate("bob", reply, -1)
    assert world.rollback_monitor.look() == []


def test_for_a_version_that_an_admin_put_back_only_new_replies_count(world: World) -> None:
    rate(world, "ann", disliked=6)
    world.rollback_monitor.look()
    world.now += 1.0
    world.registry.promote("ann", 1, expected=None, by="admin", at=world.now, reason="try again")
    rate(world, "ann", liked=1)
    assert world.rollback_monitor.look() == []
    rate(world, "ann", disliked=9)
    assert len(world.rollback_monitor.look()) == 1


def test_the_version_before_is_tested_again_after_a_rollback(world: World) -> None:
    rate(world, "ann", liked=1)
    learn(world, "ann")
    rate(world, "ann", disliked=6)
    world.rollback_monitor.look()
    assert answering(world) == "v1"
    rate(world, "ann", disliked=6)
    world.rollback_monitor.look()
    assert answering(world) == "base"


def test_after_a_rollback_only_new_feedback_makes_a_user_due(world: World) -> None:
    config = PolicyConfig(min_new_feedback=5, cooldown=0.0)
    rate(world, "ann", disliked=6)
    world.rollback_monitor.look()
    decision = is_due(world.candidates.of("ann", world.now), config, world.now)
    assert not decision.due
    assert decision.reason == (
        "6 new feedback items, 0 of them since the rollback; training starts at 5 since then"
    )
    world.now += 1.0
    rate(world, "ann", liked=5)
    assert is_due(world.candidates.of("ann", world.now), config, world.now).due


def test_a_run_after_the_rollback_lifts_its_bound(world: World) -> None:
    rate(world, "ann", disliked=6)
    world.rollback_monitor.look()
    world.now += 1.0
    rate(world, "ann", liked=1)
    learn(world, "ann")
    assert world.candidates.of("ann", world.now).since_rollback is None


def test_a_rolled_back_version_is_not_trained_again_on_the_same_examples(world: World) -> None:
    world.registry.roll_back("ann", by="admin", at=world.now, reason="worse")
    run = world.train("ann")
    assert (run.status, run.reason) == (
        RunStatus.REFUSED,
        "nothing new since v1, which was rolled back",
    )
    assert len(world.trainer.jobs) == 1
    rate(world, "ann", liked=1)
    assert world.train("ann").status is RunStatus.PROMOTED
