"""Fitting an adapter to the tiny model."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from adapters_store.records import LoraConfig
from feedback.records import TrainingExample
from scheduler.evaluation.held_out import measure_reference_kl, reply_losses, score_preferences
from scheduler.fit.examples import Exchanges
from scheduler.fit.loop import PhaseReport, Report, fit
from scheduler.fit.trained_model import TrainedModel
from scheduler.records import TrainingConfig
from tests.adapters import random_adapter
from tests.conftest import load_tiny
from tests.scheduler.fit.together import alone
from tests.scheduler.training import make_example, make_rating

LORA = LoraConfig(rank=8, alpha=16.0)
CONFIG = TrainingConfig(learning_rate=1e-2, dpo_learning_rate=3e-3, max_steps=40, batch_size=4)
SUPERVISED = [make_example(f"question {i}", "the answer") for i in range(6)]
PAIRS = [make_example(f"question {i}", "soft words", "HARD WORDS") for i in range(6)]
LIKED = [make_rating(f"question {i}", "soft words", is_liked=True) for i in range(3)]
DISLIKED = [make_rating(f"question {i}", "HARD WORDS", is_liked=False) for i in range(10)]
KL_REPLIES = [(f"a question {i}", "some other words of the base") for i in range(4)]
REFERENCES = [("something else", "a reply that nobody rated")]


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    return AdapterPool(tiny_base.model, LORA, num_slots=2)


def fit_slot_1(
    base: BaseModel,
    pool: AdapterPool,
    examples: list[TrainingExample],
    config: TrainingConfig = CONFIG,
) -> tuple[PhaseReport, ...]:
    pool.clear(1)
    return fit_more(base, pool, examples, config, KL_REPLIES)


def fit_more(
    base: BaseModel,
    pool: AdapterPool,
    examples: list[TrainingExample],
    config: TrainingConfig = CONFIG,
    kl_replies: Exchanges = (),
    report: Report = lambda step, steps, loss: None,
) -> tuple[PhaseReport, ...]:
    model = TrainedModel(base, pool)
    return alone(model, fit(model, 1, examples, kl_replies, config, report))


def weights(pool: AdapterPool) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in pool.read(1, torch.float32).values()]


def test_supervised_training_lowers_the_loss_of_its_replies(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    [report] = fit_slot_1(tiny_base, pool, SUPERVISED)
    [before] = set(reply_losses(tiny_base, pool, 0, SUPERVISED[:1], CONFIG.max_tokens))
    [after] = set(reply_losses(tiny_base, pool, 1, SUPERVISED[:1], CONFIG.max_tokens))
    assert before is not None and after is not None
    assert after < before - 1
    assert report.loss_after < report.loss_before - 1


def test_a_fit_on_int8_weights_learns_what_a_fit_on_float32_weights_learns(
    tiny_model_folder: Path,
) -> None:
    examples = [*SUPERVISED, *PAIRS, *LIKED, *DISLIKED]
    int8, float32 = (
        fit_slot_1(base, AdapterPool(base.model, LORA, num_slots=2), examples)
        for base in (load_tiny(tiny_model_folder, "int8"), load_tiny(tiny_model_folder, "float32"))
    )
    for one, other in zip(int8, float32, strict=True):
        assert one.steps == other.steps
        assert one.loss_before == pytest.approx(other.loss_before, abs=0.02)
        assert one.loss_after == pytest.approx(other.loss_after, abs=0.02)


def test_preference_training_widens_the_margin(tiny_base: BaseModel, pool: AdapterPool) -> None:
    fit_slot_1(tiny_base, pool, PAIRS, replace(CONFIG, dpo_stop_loss=0.1))
    swapped = [make_example(e.messages[0].content, e.rejected or "", e.chosen) for e in PAIRS]

    def margin(slot: int) -> float:
        chosen = reply_losses(tiny_base, pool, slot, PAIRS, CONFIG.max_tokens)
        rejected = reply_losses(tiny_base, pool, slot, swapped, CONFIG.max_tokens)
        return sum((r or 0) - (c or 0) for c, r in zip(chosen, rejected, strict=True)) / 6

    assert margin(1) > margin(0) + 0.2


def test_the_same_seed_gives_the_same_bytes(tiny_base: BaseModel, pool: AdapterPool) -> None:
    examples = [*SUPERVISED, *PAIRS, *LIKED, *DISLIKED]
    fit_slot_1(tiny_base, pool, examples)
    first = weights(pool)
    fit_slot_1(tiny_base, pool, examples)
    assert weights(pool) == first


def test_earlier_weights_of_the_slot_leave_no_trace(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    fit_slot_1(tiny_base, pool, SUPERVISED[:3])
    first = weights(pool)
    fit_slot_1(tiny_base, pool, PAIRS)
    fit_slot_1(tiny_base, pool, SUPERVISED[:3])
    assert weights(pool) == first


def test_training_stops_at_the_stop_loss(tiny_base: BaseModel, pool: AdapterPool) -> None:
    [whole] = fit_slot_1(tiny_base, pool, SUPERVISED)
    stop_loss = (whole.loss_before + whole.loss_after) / 2
    [report] = fit_slot_1(tiny_base, pool, SUPERVISED, replace(CONFIG, sft_stop_loss=stop_loss))
    assert report.steps < whole.steps
    assert report.loss_after <= stop_loss


def test_a_learned_example_changes_nothing(tiny_base: BaseModel, pool: AdapterPool) -> None:
    learned = replace(CONFIG, sft_stop_loss=1e9, dpo_stop_loss=1e9)
    pool.load(1, random_adapter(pool.shapes, seed=1, rank=LORA.rank))
    untouched = weights(pool)
    fit_more(tiny_base, pool, [*SUPERVISED, *PAIRS], learned)
    assert weights(pool) == untouched


def test_learned_examples_do_not_change_the_gradients_of_the_others(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    new = make_example("another question", "x" * 40)
    [report] = fit_slot_1(tiny_base, pool, SUPERVISED)
    bound = report.loss_after * 1.5
    config = replace(CONFIG, batch_size=7, max_steps=1, min_passes=1, sft_stop_loss=bound)
    start = pool.read(1, torch.float32)
    fit_more(tiny_base, pool, [*SUPERVISED, new], config)
    together = weights(pool)
    pool.load(1, start)
    fit_more(tiny_base, pool, [new], config)
    assert weights(pool) == together


def test_the_base_weights_do_not_move(tiny_base: BaseModel, pool: AdapterPool) -> None:
    slots = {id(p) for layer in pool.layers.values() for p in (layer.A, layer.B)}
    frozen = [p for p in tiny_base.model.parameters() if id(p) not in slots]
    before = [parameter.clone() for parameter in frozen]
    fit_slot_1(tiny_base, pool, SUPERVISED)
    assert all(torch.equal(a, b) for a, b in zip(before, frozen, strict=True))


def test_every_step_is_reported(tiny_base: BaseModel, pool: AdapterPool) -> None:
    steps: list[int] = []
    pool.clear(1)
    [report] = fit_more(tiny_base, pool, SUPERVISED, report=lambda step, *_: steps.append(step))
    assert steps == list(range(1, report.steps + 1))


def test_examples_that_are_all_too_long_are_refused(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    with pytest.raises(ValueError, match="shorter than 40 tokens"):
        fit_slot_1(tiny_base, pool, [make_example("x" * 90, "y")], TrainingConfig(max_tokens=40))


def test_a_disliked_reply_becomes_less_likely_and_a_liked_one_more(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    ratings, _ = fit_slot_1(tiny_base, pool, [*LIKED, *DISLIKED])
    assert ratings.loss_after < ratings.loss_before
    scores = score_preferences(tiny_base, pool, 1, [*LIKED, *DISLIKED], CONFIG)
    assert all(each is not None and each.loss < 0.5 for each in scores)


def test_likes_alone_are_only_replies_to_learn(tiny_base: BaseModel, pool: AdapterPool) -> None:
    reports = fit_slot_1(tiny_base, pool, LIKED)
    assert [report.name for report in reports] == ["supervised"]


def test_corrections_are_fitted_after_the_ratings(tiny_base: BaseModel, pool: AdapterPool) -> None:
    reports = fit_slot_1(tiny_base, pool, [*PAIRS, *SUPERVISED, *DISLIKED])
    assert [report.name for report in reports] == ["ratings", "supervised", "preference"]


def test_ten_dislikes_alone_do_not_ruin_the_text(tiny_base: BaseModel, pool: AdapterPool) -> None:
    fit_slot_1(tiny_base, pool, DISLIKED, replace(CONFIG, max_steps=200, min_passes=20))
    assert measure_reference_kl(tiny_base, pool, 1, [*KL_REPLIES, *REFERENCES]) < 1.0
