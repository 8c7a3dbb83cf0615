"""Whether a fit starts from scratch or from the version in use, and on which examples."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters_store.records import AdapterVersion, LoraConfig
from feedback.examples.dataset import build_dataset, without
from feedback.records import TrainingExample
from scheduler.records import TrainingConfig
from scheduler.retrain.warm_start import MAX_STEPS, FitPlan, plan_fit
from tests.scheduler.training import make_example, make_rating

ABOVE = 4
CONFIG = TrainingConfig(warm_start_above=ABOVE)


def make_examples(count: int, liked: int = 0) -> list[TrainingExample]:
    """So many examples, the first of them liked replies, each in its own conversation."""
    made = [make_rating(f"liked {i}", "fine", is_liked=True) for i in range(liked)]
    made += [make_example(f"question {i}", "the answer") for i in range(count - liked)]
    return [replace(each, created_at=float(i)) for i, each in enumerate(made)]


def version(learned: Sequence[TrainingExample], **changes: object) -> AdapterVersion:
    made = AdapterVersion(
        user_id="ann",
        number=3,
        parent=None,
        folder="folder",
        checksum="checksum",
        size_bytes=1,
        base_model="tiny",
        base_revision="revision",
        lora=LoraConfig(),
        created_at=0.0,
        created_by="admin",
        seed=CONFIG.seed,
        example_ids=tuple(each.id for each in learned),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def planned(
    examples: Sequence[TrainingExample],
    in_use: AdapterVersion | None,
    config: TrainingConfig = CONFIG,
) -> FitPlan:
    return plan_fit(build_dataset("ann", examples), in_use, config)


def ids(examples: Sequence[TrainingExample]) -> set[str]:
    return {each.id for each in examples}


def test_few_examples_are_trained_from_scratch() -> None:
    examples = make_examples(ABOVE)
    plan = planned(examples, version(examples[:2]))
    assert plan.start is None
    assert plan.sentence == "Trained from scratch on 4 examples: up to 4 always are."
    assert (plan.dataset, plan.training) == (build_dataset("ann", examples), CONFIG)


def test_with_many_examples_a_fit_continues_from_the_version_in_use() -> None:
    examples = make_examples(20)
    in_use = version(examples[:15])
    plan = planned(examples, in_use)
    assert plan.start == in_use
    assert plan.sentence == (
        "Continued from v3, which learned 15 examples, with 5 new and 3 old ones."
    )
    assert ids(examples[15:]) < ids(plan.dataset.examples)
    assert len(plan.dataset.examples) == 8


@pytest.mark.parametrize(
    ("in_use", "why"),
    [
        (None, "no version in use can be continued"),
        (version(make_examples(15), seed=9), "v3 has another seed or was imported"),
        (version(make_examples(15), seed=None), "v3 has another seed or was imported"),
        (version(make_examples(20)), "no example is new since v3"),
        (version(make_examples(3)), "most examples are new since v3"),
        (
            version([*make_examples(15), make_example("another", "gone")]),
            "1 example that v3 learned from was withdrawn or is now rejected",
        ),
    ],
)
def test_a_fit_starts_from_scratch_if_a_warm_start_would_be_wrong(
    in_use: AdapterVersion | None, why: str
) -> None:
    plan = planned(make_examples(20), in_use)
    assert plan.start is None
    assert plan.sentence == f"Trained from scratch on 20 examples: {why}."
    assert plan.dataset == build_dataset("ann", make_examples(20))


def test_liked_replies_are_half_of_the_replay() -> None:
    examples = make_examples(60, liked=20)
    plan = planned(examples, version(examples[:40]))
    replayed = ids(plan.dataset.examples) & ids(examples[:40])
    assert len(replayed) == 12
    assert len(replayed & ids(examples[:20])) >= 6
    assert replayed & ids(examples[20:40])


def test_examples_that_the_version_has_seen_are_not_held_out() -> None:
    examples = make_examples(40)
    dataset = build_dataset("ann", examples)
    plan = planned(examples, version(examples[:20]))
    assert ids(plan.dataset.held_out) == ids(dataset.held_out) - ids(examples[:20])
    assert plan.dataset.held_out


def test_if_every_new_example_would_be_held_out_none_is() -> None:
    examples = make_examples(20)
    held_out = build_dataset("ann", examples).held_out
    in_use = version([each for each in examples if each not in held_out])
    plan = planned(examples, in_use)
    assert plan.dataset.held_out == ()
    assert ids(held_out) <= ids(plan.dataset.train)


def test_an_example_that_an_earlier_fit_rejected_is_not_new() -> None:
    examples = make_examples(20)
    rejected = {examples[0].id: {"reason": "mismatch", "why": "It is odd."}}
    gone = {"gone": {"reason": "mismatch", "why": "It is odd."}}
    report = {"curation": {"rejected_by_loss": rejected | gone}}
    plan = planned(examples, version(examples[1:15], report=report))
    assert set(plan.rejections) == {examples[0].id}
    assert examples[0].id not in ids(plan.dataset.examples)
    found = plan.rejections[examples[0].id]
    later = {examples[1].id: found, examples[16].id: found}
    assert plan.without_learned(later).keys() == {examples[0].id, examples[16].id}


@given(
    count=st.integers(1, 80),
    known=st.integers(0, 80),
    liked=st.integers(0, 20),
    seed=st.integers(0, 3),
    withdrawn=st.integers(0, 80),
)
def test_a_plan_has_every_new_example_and_no_withdrawn_one(
    count: int, known: int, liked: int, seed: int, withdrawn: int
) -> None:
    examples = make_examples(count, min(liked, count))
    config = replace(CONFIG, seed=seed, batch_size=2)
    in_use = version(examples[:known], seed=seed)
    dataset = without(
        build_dataset("ann", examples), {each.id for each in examples[withdrawn:][:1]}
    )
    plan = plan_fit(dataset, in_use, config)
    taught, present = ids(plan.dataset.examples), ids(dataset.examples)
    assert taught <= present
    assert plan == plan_fit(dataset, in_use, config)
    assert plan.sentence.endswith(".")
    if plan.start is None:
        assert (plan.dataset, plan.training) == (dataset, config)
        return
    learned = set(in_use.example_ids)
    assert learned <= present
    assert len(present) > ABOVE
    new = present - learned
    assert new and new <= taught
    assert len(taught - new) == min(len(learned), round(len(new) * 0.6))
    assert ids(plan.dataset.held_out) <= new
    assert new & ids(plan.dataset.train)
    assert plan.training.learning_rate == pytest.approx(config.learning_rate / 3)
    steps = plan.training.max_steps
    assert steps == min(config.max_steps, MAX_STEPS)
    # A pass fits into the steps, and so do the usual passes, except for rounding.
    per_pass = -(-len(taught) // plan.training.batch_size)
    assert plan.training.min_passes * per_pass <= steps
    assert plan.training.batch_size * steps >= len(taught) * config.min_passes
