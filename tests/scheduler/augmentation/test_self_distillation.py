"""Corrections in the base's wording."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from feedback.examples.build import build_examples
from feedback.examples.dataset import build_dataset, read, write
from feedback.records import ExampleSource, TrainingExample
from scheduler.augmentation.self_distillation import MAX_REQUEST_BYTES, self_distil
from tests.scheduler.training import make_example, make_rating
from tests.scheduler.world import World

ORIGINAL = "Certainly! The capital is Lyon."
CORRECTION = "The capital is Paris."
WORDING = "Paris is the capital."
EXAMPLE = make_example("What is the capital?", CORRECTION, revised_from=ORIGINAL)


class Base:
    """Says the same to every request, and remembers them."""

    def __init__(self, wording: str = WORDING) -> None:
        self.wording = wording
        self.asked: list[str] = []

    def __call__(self, prompts: Sequence[str]) -> list[str]:
        self.asked += prompts
        return [self.wording] * len(prompts)


def test_a_valid_wording_replaces_the_correction(tmp_path: Path) -> None:
    dataset = build_dataset("ann", [EXAMPLE])
    reworded, sentence = self_distil(dataset, [], Base(f" {WORDING}\n"))
    [example] = reworded.train
    assert example.chosen == WORDING
    assert example.id != EXAMPLE.id
    assert example.feedback_ids == EXAMPLE.feedback_ids
    assert example.interaction_ids == EXAMPLE.interaction_ids
    assert (example.revised_from, example.source) == (ORIGINAL, "correction")
    assert reworded.content_hash != dataset.content_hash
    assert sentence == "The base reworded 1 of 1 correction."
    write(reworded, tmp_path / "dataset.jsonl")
    assert read(tmp_path / "dataset.jsonl") == reworded


@pytest.mark.parametrize("wording", ["", CORRECTION, ORIGINAL, "The capital is nice."])
def test_an_invalid_wording_leaves_the_correction(wording: str) -> None:
    dataset = build_dataset("ann", [EXAMPLE])
    assert self_distil(dataset, [], Base(wording))[0] == dataset


@pytest.mark.parametrize(
    "example",
    [
        make_rating("a", "fine", is_liked=True),
        make_rating("a", "not so", is_liked=False),
        make_example("a", "better", "worse"),
        replace(EXAMPLE, source=ExampleSource.SYNTHETIC),
        replace(EXAMPLE, is_truncated=True),
        make_example("a", "x" * MAX_REQUEST_BYTES, revised_from="y"),
    ],
)
def test_only_complete_corrections_are_reworded(example: TrainingExample) -> None:
    base = Base()
    dataset = build_dataset("ann", [example])
    reworded, sentence = self_distil(dataset, [], base)
    assert (reworded, base.asked) == (dataset, [])
    assert sentence == "The base reworded 0 of 0 corrections."


def test_held_out_examples_are_not_reworded() -> None:
    examples = [make_example(f"question {i}", CORRECTION, revised_from=ORIGINAL) for i in range(8)]
    dataset = build_dataset("ann", examples)
    reworded, _ = self_distil(dataset, [], Base())
    assert reworded.held_out == dataset.held_out
    assert {each.chosen for each in reworded.train} == {WORDING}


def test_a_wording_that_another_example_has_is_not_used() -> None:
    twin = make_example("What is the capital?", WORDING, revised_from=ORIGINAL)
    dataset = build_dataset("ann", [EXAMPLE, twin])
    assert self_distil(dataset, [], Base())[0] == dataset


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, Database(memory=True))
    world.config = replace(
        world.config,
        training=replace(world.config.training, self_distillation=True, synthetic_examples=0),
    )
    world.pipeline = world.build_pipeline(world.trainer)
    return world


def test_the_child_learns_the_wording_but_the_version_lists_the_correction(
    world: World,
) -> None:
    world.generator.base = "A plain reply, shortly put."
    world.correct("ann", "one", "A plain reply, put shortly.")
    run = world.train("ann")
    [dataset] = world.trainer.datasets
    assert [each.chosen for each in dataset.examples if each.rejected is None] == [
        "A plain reply, shortly put."
    ]
    version = world.active("ann")
    assert version.dataset_hash == dataset.content_hash == run.dataset_hash
    corrections = build_examples(*world.log.turns_with_feedback("ann"))
    assert set(version.example_ids) == {each.id for each in corrections}
    assert run.report["fit"]["sentences"][1] == "The base reworded 1 of 1 correction."


def test_the_same_corrections_are_not_reworded_twice(world: World) -> None:
    world.generator.base = "A plain reply, shortly put."
    world.correct("ann", "one", "A plain reply, put shortly.")
    world.train("ann")
    asked = len(world.generator.asked)
    assert world.train("ann").reason == "nothing new since v1"
    assert len(world.generator.asked) == asked


def test_wordings_are_not_cached_with_the_replies_to_fixed_prompts(world: World) -> None:
    world.correct("ann", "one", "A plain reply, put shortly.")
    world.train("ann")
    cached = "".join(file.read_text() for file in Path(world.config.replies_cache).iterdir())
    assert "plain" not in cached
