"""Fits of several users that share forward and backward passes, against the same fits alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite

import pytest
import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from adapters_store.records import LoraConfig
from feedback.records import TrainingExample
from scheduler.fit import trained_model
from scheduler.fit.batching import TokenisedReply
from scheduler.fit.cpu_attention import use_grouped_attention
from scheduler.fit.examples import RatedTokens, TokenisedPair
from scheduler.fit.loop import PhaseReport, distil, fit
from scheduler.fit.passes import StepLoss, Steps
from scheduler.fit.steps import preference_step, ratings_step, supervised_step
from scheduler.fit.trained_model import TrainedModel
from scheduler.records import TrainingConfig
from tests.adapters import random_adapter
from tests.scheduler.fit.test_distillation import lessons
from tests.scheduler.fit.together import alone, together
from tests.scheduler.training import make_example, make_rating

LORA = LoraConfig(rank=8, alpha=16.0)
CONFIG = TrainingConfig(learning_rate=1e-2, dpo_learning_rate=3e-3, max_steps=6, batch_size=4)
SLOTS = (1, 2, 3)
KL_REPLIES = [(f"a question {i}", "some other words of the base") for i in range(4)]


@pytest.fixture
def model(tiny_base: BaseModel) -> TrainedModel:
    use_grouped_attention(tiny_base.model)
    pool = AdapterPool(tiny_base.model, LORA, num_slots=1 + len(SLOTS))
    pool.train_upper(0.5)
    return TrainedModel(tiny_base, pool)


@dataclass(frozen=True)
class User:
    """One user's examples and own settings."""

    examples: Sequence[TrainingExample]
    config: TrainingConfig = CONFIG

    def steps(self, model: TrainedModel, slot: int) -> Steps[tuple[PhaseReport, ...]]:
        return fit(model, slot, self.examples, KL_REPLIES, self.config, lambda *_: None)


WRITER = User([make_example(f"question {i}", "the answer") for i in range(5)])
RATER = User(
    [
        *(make_rating(f"asked {i}", "soft words", is_liked=True) for i in range(2)),
        *(make_rating(f"asked {i} more", "HARD WORDS", is_liked=False) for i in range(3)),
    ],
    replace(CONFIG, max_steps=9, seed=3),
)
CHOOSER = User(
    [make_example(f"well {i}", "yes", "no, that is wrong") for i in range(4)],
    replace(CONFIG, learning_rate=2e-3, batch_size=2),
)
USERS = (WRITER, RATER, CHOOSER)


def weights(pool: AdapterPool, slot: int) -> dict[str, Tensor]:
    return pool.read(slot, torch.float32)


def products(pool: AdapterPool, slot: int) -> list[Tensor]:
    """What the slot adds to each weight: it does not depend on the signs of the directions."""
    return [layer.A[slot] @ layer.B[slot] for layer in pool.layers.values()]


@contextmanager
def shapes_read(base: BaseModel) -> Iterator[list[tuple[int, int]]]:
    """The rows and tokens of each pass through the trained block."""
    shapes: list[tuple[int, int]] = []
    hook = base.model.get_submodule("model.layers.1").register_forward_pre_hook(
        lambda module, arguments: shapes.append(tuple(arguments[0].shape[:2]))
    )
    yield shapes
    hook.remove()


def gradient_steps(base: BaseModel) -> list[Steps[StepLoss]]:
    """A step of each kind, one for each slot, with several lengths and drift."""

    def tokens(*lengths: int) -> list[TokenisedReply]:
        return [TokenisedReply(tuple(range(5, 5 + each)), (1.0,) * 4) for each in lengths]

    chosen, rejected = tokens(20, 9), tokens(14, 12)
    pairs = [TokenisedPair(*each, 0.1) for each in zip(chosen, rejected, strict=True)]
    ratings = [RatedTokens(each, each.ids[-1] > 20) for each in tokens(10, 33)]
    return [
        supervised_step(base, 1, tokens(30, 9, 24), tokens(11), 0.0),
        preference_step(base, 2, pairs, CONFIG, 0.0),
        ratings_step(base, 3, ratings, (1.0, 0.5), tokens(16, 8), CONFIG, 0.0),
    ]


def gradients(model: TrainedModel, slot: int) -> list[Tensor]:
    found = [each.grad for part in model.pool.trained_weights(slot) for each in part]
    return [each.clone() for each in found if each is not None]


def test_gradients_in_a_batch_are_those_alone(model: TrainedModel, tiny_base: BaseModel) -> None:
    for slot in SLOTS:
        model.pool.load(slot, random_adapter(model.pool.shapes, seed=slot, rank=LORA.rank))
    alone_found, losses = {}, []
    for slot, steps in zip(SLOTS, gradient_steps(tiny_base), strict=True):
        with model.train(slot):
            losses.append(alone(model, steps).value)
            alone_found[slot] = gradients(model, slot)
    with model.train(1), model.train(2), model.train(3):
        found = together(model, gradient_steps(tiny_base))
        for slot in SLOTS:
            own = gradients(model, slot)
            assert len(own) == len(alone_found[slot]) > 0
            for one, other in zip(own, alone_found[slot], strict=True):
                torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    assert [each.value for each in found] == pytest.approx(losses, rel=1e-5)


def test_weights_and_reports_in_a_batch_are_those_alone(model: TrainedModel) -> None:
    wanted, reports = [], []
    for slot, user in zip(SLOTS, USERS, strict=True):
        model.pool.clear(slot)
        reports.append(alone(model, user.steps(model, slot)))
        wanted.append(products(model.pool, slot))
        model.pool.clear(slot)
    found = together(model, [u.steps(model, s) for s, u in zip(SLOTS, USERS, strict=True)])
    for slot, tensors in zip(SLOTS, wanted, strict=True):
        for one, other in zip(products(model.pool, slot), tensors, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-4)
    for report, alone_report in zip(found, reports, strict=True):
        for one_phase, other_phase in zip(report, alone_report, strict=True):
            assert (one_phase.name, one_phase.steps) == (other_phase.name, other_phase.steps)
            assert one_phase.loss_after == pytest.approx(other_phase.loss_after, rel=1e-3)


def test_the_same_company_gives_the_same_bytes_again(model: TrainedModel) -> None:
    found = []
    for _ in range(2):
        for slot in SLOTS:
            model.pool.clear(slot)
        together(model, [u.steps(model, s) for s, u in zip(SLOTS, USERS, strict=True)])
        found.append([weights(model.pool, slot) for slot in SLOTS])
    for one, other in zip(*found, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_who_is_done_leaves_and_the_others_go_on(model: TrainedModel) -> None:
    quick = replace(WRITER, config=replace(CONFIG, sft_stop_loss=1e9))
    [[stopped], [whole]] = together(model, [quick.steps(model, 1), WRITER.steps(model, 2)])
    assert stopped.steps < whole.steps == 6
    assert whole.loss_after < whole.loss_before


def test_a_learned_user_does_not_move_while_another_learns(model: TrainedModel) -> None:
    model.pool.load(1, random_adapter(model.pool.shapes, seed=1, rank=LORA.rank))
    before = weights(model.pool, 1)
    learned = replace(WRITER, config=replace(CONFIG, sft_stop_loss=1e9))
    together(model, [learned.steps(model, 1), WRITER.steps(model, 2)])
    after = weights(model.pool, 1)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_an_exploding_fit_touches_no_other(model: TrainedModel) -> None:
    alone(model, WRITER.steps(model, 2))
    wanted = products(model.pool, 2)
    model.pool.clear(2)
    exploding = replace(WRITER, config=replace(CONFIG, learning_rate=1e30))
    [[exploded], _] = together(model, [exploding.steps(model, 1), WRITER.steps(model, 2)])
    assert not isfinite(exploded.loss_after)
    for one, other in zip(products(model.pool, 2), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-4)


def test_a_distillation_shares_passes_with_a_fit(model: TrainedModel, tiny_base: BaseModel) -> None:
    taught = lessons(tiny_base, ["one", "two"])
    with shapes_read(tiny_base) as shapes:
        student: Steps[object] = distil(model, 1, taught, CONFIG, lambda *_: None)
        together(model, [student, WRITER.steps(model, 2)])
    assert shapes[0][0] == len(taught) + len(WRITER.examples)


def test_a_mixed_batch_keeps_to_the_budget(
    model: TrainedModel, tiny_base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 200  # tokens
    monkeypatch.setattr(trained_model, "ACTIVATION_BYTES", most * model._size.plain(64))
    small = TrainedModel(tiny_base, model.pool)
    with shapes_read(tiny_base) as shapes:
        together(small, [WRITER.steps(small, slot) for slot in SLOTS])
    # A row's adapter takes as much as so many tokens.
    assert max(rows * (tokens + LORA.rank) for rows, tokens in shapes) <= most
    assert max(rows for rows, _ in shapes) > 1


def test_a_fit_leaves_nothing_in_the_cache(model: TrainedModel) -> None:
    together(model, [user.steps(model, slot) for slot, user in zip(SLOTS, USERS, strict=True)])
    assert model._cache._outputs == {}
