"""Runs of users who only press thumbs: a preference model ranks the base's own replies."""

from pathlib import Path

import pytest
from sqlite_utils import Database

from feedback.records import ExampleKind
from feedback.rules.rule import Rule
from feedback.rules.user_rules import RuleDecision, RuleStatus
from scheduler.augmentation.reference_replies import NUM_SAMPLED
from scheduler.augmentation.samples import SAMPLES_PER_PROMPT
from scheduler.records import RunStatus, TrainingConfig
from tests.scheduler.evaluations import without_held_out
from tests.scheduler.world import World

SPOKEN = (
    "Bread is what {} need today.",
    "Whatever {} cook, keep it warm.",
    "Rain is good if {} have time.",
    "Ask before {} paint a wall.",
    "Paper helps when {} plan a trip.",
    "Most of what {} own is glass.",
    "Wool lasts if {} wash it cold.",
    "Where {} live there is clay.",
)
LIKED = tuple(each.format("you") for each in SPOKEN)
DISLIKED = tuple(each.format("people") for each in SPOKEN)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, Database(memory=True))
    world.model.base = "People may go."
    world.model.candidate = "You may go."
    world.model.drawn = lambda seed: "You may go." if seed % 3 else "People may go."
    world.trainer.evaluation = without_held_out()
    for place, (liked, disliked) in enumerate(zip(LIKED, DISLIKED, strict=True)):
        world.rate("ann", world.answer("ann", f"good-{place}", liked), 1)
        world.rate("ann", world.answer("ann", f"bad-{place}", disliked), -1)
    return world


def test_the_base_learns_to_prefer_its_own_replies_of_the_liked_kind(world: World) -> None:
    run = world.train("ann")
    assert run.status is RunStatus.PROMOTED, run.reason
    [dataset] = world.trainer.datasets
    assert len(dataset.train) == NUM_SAMPLED + len(LIKED) + len(DISLIKED)
    assert {(e.kind, e.chosen, e.rejected) for e in dataset.train} == {
        (ExampleKind.DPO, "You may go.", "People may go.")
    }
    assert world.trainer.jobs[0].scale == TrainingConfig().distillation_scale
    assert run.report["verdict"]["outcome"] == "significant"
    assert run.report["teacher"]["kind"] == "preference model"
    assert "8 liked and 8 disliked replies" in run.report["teacher"]["sentence"]


def test_the_version_names_the_ratings_that_it_learned_from(world: World) -> None:
    world.train("ann")
    assert len(world.active("ann").example_ids) == len(LIKED) + len(DISLIKED)


def test_a_candidate_whose_replies_the_user_would_like_no_better_is_refused(world: World) -> None:
    world.model.candidate = world.model.base
    run = world.train("ann")
    assert run.status is RunStatus.REFUSED
    assert "12 prompts, 0 read more like what the user liked than the base's" in run.reason


def test_the_same_ratings_are_not_trained_on_twice(world: World) -> None:
    world.train("ann")
    assert world.train("ann").reason == "nothing new since v1"


def test_samples_that_the_model_cannot_tell_apart_teach_nothing(world: World) -> None:
    world.model.drawn = lambda seed: "それは分かりません。"
    run = world.train("ann")
    assert (run.status, world.trainer.jobs) == (RunStatus.REFUSED, [])
    assert run.reason.startswith("the ratings do not show yet")


def test_a_rule_teaches_in_place_of_a_preference_model(world: World) -> None:
    lower = RuleDecision("ann", Rule("case", "lower"), RuleStatus.PINNED, world.now)
    world.log.decide(lower)
    run = world.train("ann")
    assert run.report["teacher"]["kind"] == "rules"


def test_the_common_prompts_are_sampled_once_for_all_users(world: World) -> None:
    world.train("ann")
    drawn = [each for each in world.model.prompts if each.seed is not None]
    world.model.prompts.clear()
    world.rate("ann", world.answer("ann", "more", "Sand is what you want."), 1)
    world.train("ann")
    own = [each for each in world.model.prompts if each.seed is not None]
    assert len(drawn) == len({*drawn}) == SAMPLES_PER_PROMPT * (NUM_SAMPLED + 16)
    assert len(own) == SAMPLES_PER_PROMPT * 17
