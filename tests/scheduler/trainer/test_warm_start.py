"""Continuing from earlier weights: what is learned, stays close to the base, is unlearned."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.files import WEIGHTS_FILE
from adapters_store.lora import AdapterPool
from adapters_store.records import LoraConfig
from feedback.examples.dataset import build_dataset
from feedback.filters.records import DatedExample, accepted
from feedback.filters.run import run_filters
from feedback.records import Message, TrainingExample
from scheduler.evaluation.held_out import measure_reference_kl, reply_losses
from scheduler.fit.batching import TokenisedReply, collate, tokenise
from scheduler.fit.examples import num_kl_replies
from scheduler.fit.loop import fit
from scheduler.fit.steps import KL_WEIGHT, supervised_step
from scheduler.fit.trained_model import TrainedModel
from scheduler.records import TrainingConfig
from scheduler.retrain.warm_start import plan_fit
from scheduler.trainer.train import prepare
from tests.adapters import random_adapter
from tests.scheduler.builders import make_job
from tests.scheduler.fit.together import alone
from tests.scheduler.retrain.test_warm_start import version
from tests.scheduler.training import make_example

LORA = LoraConfig(rank=8, alpha=16.0)
CONFIG = TrainingConfig(learning_rate=4e-3, dpo_learning_rate=4e-3, batch_size=4)
KL_REPLIES = [(f"a question {i}", "some other words of the base") for i in range(4)]
OLD, NEW = "soft words", "HARD WORDS"
QUESTIONS = [f"question {i}" for i in range(4)]


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    return AdapterPool(tiny_base.model, LORA, num_slots=2)


def correction(question: str, wanted: str, at: float) -> DatedExample:
    example = make_example(question, wanted, revised_from="1234567890")
    return DatedExample(replace(example, created_at=at), feedback_at=at)


def loss_of(base: BaseModel, pool: AdapterPool, wanted: str) -> float:
    examples = [make_example(question, wanted) for question in QUESTIONS]
    losses = [loss or 0.0 for loss in reply_losses(base, pool, 1, examples, CONFIG.max_tokens)]
    return sum(losses) / len(losses)


def fit_slot_1(
    base: BaseModel,
    pool: AdapterPool,
    examples: Sequence[TrainingExample],
    config: TrainingConfig = CONFIG,
    *,
    is_warm: bool = False,
) -> None:
    if not is_warm:
        pool.clear(1)
    fit_from_here(base, pool, examples, config, is_warm=is_warm)


def fit_from_here(
    base: BaseModel,
    pool: AdapterPool,
    examples: Sequence[TrainingExample],
    config: TrainingConfig,
    *,
    is_warm: bool,
) -> None:
    model = TrainedModel(base, pool)
    alone(
        model,
        fit(model, 1, examples, KL_REPLIES, config, lambda *_: None, is_warm=is_warm),
    )


def test_the_supervised_gradient_is_that_of_both_losses(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    pool.load(1, random_adapter(pool.shapes, seed=1, scale=0.1, rank=LORA.rank))
    replies, kl_replies = (
        [each for each in (tokenised(tiny_base, f"{name} {i}", name * i) for i in (3, 5)) if each]
        for name in ("ab", "cd")
    )
    model = TrainedModel(tiny_base, pool)
    with pool.train(1), pool.use(1):
        loss = alone(model, supervised_step(tiny_base, 1, replies, kl_replies, stop_loss=0.0))
        weights = [weight for weights in pool.trained_weights(1) for weight in weights]
        gradients = [weight.grad for weight in weights]
        likelihood, divergence = reference(tiny_base, pool, replies, kl_replies)
    wanted = torch.autograd.grad(likelihood + KL_WEIGHT * divergence, weights)
    assert loss.value == pytest.approx(likelihood.item(), rel=1e-4)
    for one, other in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def tokenised(base: BaseModel, prompt: str, reply: str) -> TokenisedReply | None:
    return tokenise(base.renderer, [Message("user", prompt)], reply, 200)


def reference(
    base: BaseModel,
    pool: AdapterPool,
    replies: Sequence[TokenisedReply],
    kl_replies: Sequence[TokenisedReply],
) -> tuple[Tensor, Tensor]:
    """transformers' own loss over the replies, and sum p (log p - log q) over the vocabulary."""
    batch = collate(replies, base.device)
    labels = batch.ids.masked_fill(~batch.is_reply, -100)
    with pool.use(1):
        likelihood: Tensor = base.model(
            input_ids=batch.ids, attention_mask=batch.attention, labels=labels
        ).loss
    batch = collate(kl_replies, base.device)

    def log_probs(slot: int) -> Tensor:
        with pool.use(slot):
            logits = base.model(input_ids=batch.ids, attention_mask=batch.attention).logits
        return F.log_softmax(logits[:, :-1][batch.is_reply[:, 1:]], dim=-1)

    adapter, bare = log_probs(1), log_probs(0).detach()
    return likelihood, (adapter.exp() * (adapter - bare)).sum(dim=-1).mean()


def test_a_warm_start_continues_from_the_incumbent(
    tiny_base: BaseModel, pool: AdapterPool, tmp_path: Path
) -> None:
    weights = random_adapter(pool.shapes, seed=1, rank=LORA.rank)
    save_file(weights, tmp_path / WEIGHTS_FILE)
    job = replace(make_job("tiny", tmp_path), incumbent=str(tmp_path))
    prepare(pool, 1, replace(job, warm_start=True))
    loaded = pool.read(1, torch.float32)
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)
    prepare(pool, 1, job)
    loaded = pool.read(1, torch.float32)
    assert not any(loaded[name].any() for name in weights if "lora_B" in name)


def test_a_warm_start_stays_closer_to_the_base_on_its_kl_replies(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    start = random_adapter(pool.shapes, seed=1, scale=0.1, rank=LORA.rank)
    new = [make_example(question, NEW) for question in QUESTIONS]
    config = replace(CONFIG, max_steps=10, min_passes=1)
    drifts = []
    for is_warm in (True, False):
        pool.load(1, start)
        fit_from_here(tiny_base, pool, new, config, is_warm=is_warm)
        drifts.append(measure_reference_kl(tiny_base, pool, 1, KL_REPLIES))
    assert drifts[0] < drifts[1]


def test_one_reply_of_five_is_the_base_s() -> None:
    assert [num_kl_replies(count) for count in (1, 4, 5, 16)] == [1, 1, 2, 4]


def test_a_fit_from_scratch_follows_newer_corrections_against_older_ones(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    old = [correction(question, OLD, at=1.0) for question in QUESTIONS]
    new = [correction(question, NEW, at=2.0) for question in QUESTIONS]
    fit_slot_1(tiny_base, pool, accepted(run_filters(old)))
    assert loss_of(tiny_base, pool, OLD) < loss_of(tiny_base, pool, NEW) - 0.5
    remaining = accepted(run_filters([*old, *new]))
    assert {example.chosen for example in remaining} == {NEW}
    fit_slot_1(tiny_base, pool, remaining)
    unlearned = pool.read(1, torch.float32)
    assert loss_of(tiny_base, pool, NEW) < loss_of(tiny_base, pool, OLD) - 0.5
    fit_slot_1(tiny_base, pool, accepted(run_filters(new)))
    never_taught = pool.read(1, torch.float32)
    assert all(torch.equal(unlearned[name], never_taught[name]) for name in never_taught)


def test_a_contradicted_correction_forces_a_fit_from_scratch() -> None:
    old = [correction(question, OLD, at=1.0) for question in QUESTIONS]
    new = [correction(QUESTIONS[0], NEW, at=2.0)]
    known = version(accepted(run_filters(old)))
    dataset = build_dataset("ann", accepted(run_filters([*old, *new])))
    plan = plan_fit(dataset, known, replace(CONFIG, warm_start_above=1))
    assert plan.start is None
    assert "1 example that v3 learned from was withdrawn or is now rejected" in plan.sentence


def test_a_warm_start_follows_newer_corrections_against_its_weights(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    """The filters take the prompts for different ones; else the fit would start from scratch."""
    old = [make_example(f"tell me of number {i}", OLD) for i in range(8)]
    fit_slot_1(tiny_base, pool, [*old, *(make_example(question, OLD) for question in QUESTIONS)])
    assert loss_of(tiny_base, pool, OLD) < loss_of(tiny_base, pool, NEW) - 0.5
    # The two examples that a correction makes.
    new = [make_example(question, NEW, revised_from=OLD) for question in QUESTIONS]
    new += [make_example(question, NEW, OLD) for question in QUESTIONS]
    dataset = build_dataset("ann", [*old, *new])
    config = replace(CONFIG, warm_start_above=1, dpo_stop_loss=0.1)
    plan = plan_fit(dataset, version(old), config)
    assert plan.start is not None
    fit_slot_1(tiny_base, pool, plan.dataset.examples, plan.training, is_warm=True)
    assert loss_of(tiny_base, pool, NEW) < loss_of(tiny_base, pool, OLD) - 0.1
