"""The base's own wordings in place of corrections."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from feedback.examples.build import build_examples
from feedback.examples.dataset import build_dataset, read, write
from feedback.records import ExampleSource, TrainingExample
from scheduler.augmentation.self_distillation import MAX_REQUEST_BYTES, self_distil
from tests.scheduler.training import make_example, make_thumb
from tests.scheduler.world import World

ORIGINAL = "Certainly! The capital is Lyon."
CORRECTION = "The capital is Paris."
WORDING = "Paris is the capital."
ROW = make_example("What is the capital?", CORRECTION, revised_from=ORIGINAL)


class Base:
    """Says the same to every request, and remembers them."""

    def __init__(self, wording: str = WORDING) -> None:
        self.wording = wording
        self.asked: list[str] = []

    def __call__(self, prompts: Sequence[str]) -> list[str]:
        self.asked += prompts
        return [self.wording] * len(prompts)


def test_a_wording_that_satisfies_the_correction_is_learned_instead(tmp_path: Path) -> None:
    dataset = build_dataset("ann", [ROW])
    reworded, sentence = self_distil(dataset, [], Base(f" {WORDING}\n"))
    [row] = reworded.train
    assert row.chosen == WORDING
    assert row.id != ROW.id
    assert (row.feedback_ids, row.interaction_ids) == (ROW.feedback_ids, ROW.interaction_ids)
    assert (row.revised_from, row.source) == (ORIGINAL, "correction")
    assert reworded.content_hash != dataset.content_hash
    assert (
        sentence == "Of 1 correction the base put 1 into its own words; the rest stay as written."
    )
    write(reworded, tmp_path / "dataset.jsonl")
    assert read(tmp_path / "dataset.jsonl") == reworded


@pytest.mark.parametrize("wording", ["", CORRECTION, ORIGINAL, "The capital is nice."])
def test_any_other_leaves_the_row_as_it_was_written(wording: str) -> None:
    dataset = build_dataset("ann", [ROW])
    assert self_distil(dataset, [], Base(wording))[0] == dataset


@pytest.mark.parametrize(
    "row",
    [
        make_thumb("a", "fine", is_liked=True),
        make_thumb("a", "not so", is_liked=False),
        make_example("a", "better", "worse"),
        replace(ROW, source=ExampleSource.SYNTHETIC),
        replace(ROW, is_truncated=True),
        make_example("a", "x" * MAX_REQUEST_BYTES, revised_from="y"),
    ],
)
def test_only_what_a_person_wrote_in_full_is_put_into_other_words(row: TrainingExample) -> None:
    base = Base()
    dataset = build_dataset("ann", [row])
    reworded, sentence = self_distil(dataset, [], base)
    assert (reworded, base.asked) == (dataset, [])
    assert sentence.startswith("Of 0 corrections")


def test_held_out_rows_stay_as_a_person_wrote_them() -> None:
    rows = [make_example(f"question {i}", CORRECTION, revised_from=ORIGINAL) for i in range(8)]
    dataset = build_dataset("ann", rows)
    reworded, _ = self_distil(dataset, [], Base())
    assert reworded.held_out == dataset.held_out
    assert {row.chosen for row in reworded.train} == {WORDING}


def test_no_wording_makes_a_row_that_is_there_already() -> None:
    twin = make_example("What is the capital?", WORDING, revised_from=ORIGINAL)
    dataset = build_dataset("ann", [ROW, twin])
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


def test_the_child_is_taught_the_wording_and_the_version_knows_the_correction(
    world: World,
) -> None:
    world.replier.base = "A plain reply, shortly put."
    world.correct("ann", "one", "A plain reply, put shortly.")
    run = world.train("ann")
    [dataset] = world.trainer.datasets
    assert [row.chosen for row in dataset.examples if row.rejected is None] == [
        "A plain reply, shortly put."
    ]
    version = world.active("ann")
    assert version.dataset_hash == dataset.content_hash == run.dataset_hash
    judged = build_examples(*world.log.turns_with_feedback("ann"))
    assert set(version.example_ids) == {row.id for row in judged}
    assert run.report["fit"]["sentences"][1] == (
        "Of 1 correction the base put 1 into its own words; the rest stay as written."
    )


def test_the_same_wordings_are_not_learned_twice(world: World) -> None:
    world.replier.base = "A plain reply, shortly put."
    world.correct("ann", "one", "A plain reply, put shortly.")
    world.train("ann")
    asked = len(world.replier.asked)
    assert world.train("ann").reason == "nothing new since v1"
    assert len(world.replier.asked) == asked


def test_what_a_user_wrote_is_not_kept_with_the_replies_to_fixed_prompts(world: World) -> None:
    world.correct("ann", "one", "A plain reply, put shortly.")
    world.train("ann")
    kept = "".join(file.read_text() for file in Path(world.config.replies_cache).iterdir())
    assert "plain" not in kept
