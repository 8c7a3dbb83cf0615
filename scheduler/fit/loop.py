"""Fits one slot in phases, the weakest evidence first. Equal seeds and examples: equal bytes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from math import inf
from random import Random

import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import TrainingExample
from scheduler.fit.activation_cache import cache_activations
from scheduler.fit.distillation import distillation_backward, target
from scheduler.fit.examples import (
    Exchanges,
    FitExamples,
    num_kl_replies,
    rating_weights,
    tokenise_examples,
)
from scheduler.fit.lessons import TeacherReply
from scheduler.fit.lora_init import init_from_gradients
from scheduler.fit.steps import preference_backward, ratings_backward, supervised_backward
from scheduler.fit.trained_model import TrainedModel
from scheduler.records import TrainingConfig

RATINGS_STOP_LOSS = 0.4
"""APO-zero ends here; the base has 0.5. With beta 5, a disliked reply is then 0.08 nats per token
less likely than under the base: one of a hundred tokens is 3,000 times less likely."""

LENGTH_JITTER = (0.8, 1.25)
"""So that the batches of two passes differ."""

INIT_EXAMPLES = 16
"""How many examples of each phase initialise an empty slot."""

Report = Callable[[int, int, float], None]
"""Called after every step with its number, the most there can be, and its loss."""


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """Mean loss over the first and the last pass through the examples, and the steps taken."""

    name: str
    loss_before: float
    loss_after: float
    steps: int


@dataclass(frozen=True, slots=True)
class _Phase:
    """`backward(indices, stop_loss)` makes gradients, as in `scheduler.fit.steps`.

    With `lengths` of the examples, those of a batch have similar ones.
    """

    name: str
    num_examples: int
    learning_rate: float
    stop_loss: float
    backward: Callable[[Sequence[int], float], float]
    lengths: tuple[int, ...] = ()


def fit(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    examples: Sequence[TrainingExample],
    kl_replies: Exchanges,
    config: TrainingConfig,
    report: Report,
    *,
    is_warm: bool = False,
) -> tuple[PhaseReport, ...]:
    """Fit a slot on the examples, from its weights; an empty one is initialised from gradients.

    The ratings phase keeps the adapter close to the base on `kl_replies`; in a warm start, the
    supervised phase does so, too. Returns the phases that had examples, in order. Raises
    `ValueError` if no example fits into `config.max_tokens`.
    """
    tokenised = tokenise_examples(base.renderer, examples, kl_replies, config, is_warm=is_warm)
    model = TrainedModel(base, pool)
    phases = [each for each in _phases(model, tokenised, config, is_warm) if each.num_examples]
    if not phases:
        raise ValueError(f"no example is shorter than {config.max_tokens} tokens")
    with pool.train(slot), pool.use(slot), cache_activations(base, pool):
        if pool.is_empty(slot):
            seed = config.seed
            init_from_gradients(pool, seed, lambda: _first_gradients(phases, seed))
        return tuple(_optimise(pool, phase, config, report) for phase in phases)


def distil(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    taught: Sequence[TeacherReply],
    config: TrainingConfig,
    report: Report,
) -> PhaseReport:
    """Fit an empty slot to a teacher's replies, and scale it by `config.distillation_scale`.

    Raises `ValueError` if no reply of the teacher fits into `config.max_tokens`.
    """
    found = (target(base.renderer, e.messages, e, config.max_tokens) for e in taught)
    targets = [each for each in found if each is not None]
    if not targets:
        raise ValueError(f"no reply of the teacher is shorter than {config.max_tokens} tokens")
    model = TrainedModel(base, pool)

    def backward(chosen: Sequence[int], stop_loss: float) -> float:
        return distillation_backward(model, [targets[i] for i in chosen])

    rate, seed = config.distillation_rate, config.seed
    lengths = tuple(len(each.reply.ids) for each in targets)
    phase = _Phase("distillation", len(targets), rate, -inf, backward, lengths)
    steps = replace(config, max_steps=config.distillation_steps, min_passes=0)
    with pool.train(slot), pool.use(slot), cache_activations(base, pool):
        init_from_gradients(pool, seed, lambda: _first_gradients([phase], seed))
        fitted = _optimise(pool, phase, steps, report)
    pool.scale(slot, config.distillation_scale)
    return fitted


def _first_gradients(phases: Sequence[_Phase], seed: int) -> None:
    for phase in phases:
        count = min(phase.num_examples, INIT_EXAMPLES)
        chosen = Random(seed).sample(range(phase.num_examples), count)
        phase.backward(chosen, -inf)


def _phases(
    model: TrainedModel, examples: FitExamples, config: TrainingConfig, is_warm: bool
) -> tuple[_Phase, ...]:
    """The phases in order: later ones override earlier ones."""
    weights, kl_replies = rating_weights(examples.ratings), cycle(examples.kl_replies)

    def ratings(chosen: Sequence[int], stop_loss: float) -> float:
        kl = list(islice(kl_replies, len(chosen)))
        batch = [examples.ratings[i] for i in chosen]
        return ratings_backward(model, batch, weights, kl, config, stop_loss)

    def supervised(chosen: Sequence[int], stop_loss: float) -> float:
        kl = list(islice(kl_replies, num_kl_replies(len(chosen)))) if is_warm else []
        batch = [examples.replies[i] for i in chosen]
        return supervised_backward(model, batch, kl, stop_loss)

    def preference(chosen: Sequence[int], stop_loss: float) -> float:
        batch = [examples.pairs[i] for i in chosen]
        return preference_backward(model, batch, config, stop_loss)

    rate, dpo_rate = config.learning_rate, config.dpo_learning_rate
    return (
        _Phase("ratings", len(examples.ratings), dpo_rate, RATINGS_STOP_LOSS, ratings),
        _Phase("supervised", len(examples.replies), rate, config.sft_stop_loss, supervised),
        _Phase("preference", len(examples.pairs), dpo_rate, config.dpo_stop_loss, preference),
    )


def _optimise(
    pool: AdapterPool, phase: _Phase, config: TrainingConfig, report: Report
) -> PhaseReport:
    """AdamW with warm-up and linear decay to zero, until every step of a pass is at the stop loss.

    Not the mean of the steps: with few examples it can be low enough while one is unlearned. With
    constant rates, the last examples would decide where the weights end up.
    """
    a, b = pool.trained_weights()
    # alpha / rank is folded into B, but Adam's steps do not scale with the parameter. So B's rate
    # has the factor, and training equals that of PEFT's unfolded B.
    rates = (phase.learning_rate, phase.learning_rate * pool.config.scaling)
    optimiser = torch.optim.AdamW(
        [{"params": p, "lr": rate} for p, rate in zip((a, b), rates, strict=True)],
        betas=(0.9, 0.99),
        weight_decay=0.0,
        fused=True,
    )
    random = Random(config.seed)
    order: list[int] = []
    losses: list[float] = []
    per_pass = -(-phase.num_examples // config.batch_size)
    steps = max(config.max_steps, config.min_passes * per_pass)
    for step in range(1, steps + 1):
        if not order:
            order = _order(phase, config.batch_size, random)
        chosen, order = order[: config.batch_size], order[config.batch_size :]
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * min(1.0, step / config.warmup_steps) * (1 - (step - 1) / steps)
        losses.append(phase.backward(chosen, phase.stop_loss))
        if a[0].grad is not None:
            torch.nn.utils.clip_grad_norm_([*a, *b], config.gradient_clip)
            optimiser.step()
            optimiser.zero_grad()
        report(step, steps, losses[-1])
        if step >= per_pass and max(losses[-per_pass:]) <= phase.stop_loss:
            break
    return PhaseReport(phase.name, _mean(losses[:per_pass]), _mean(losses[-per_pass:]), len(losses))


def _order(phase: _Phase, batch_size: int, random: Random) -> list[int]:
    """One pass through the examples, in batches.

    Micro-batches hold similar lengths, and each unpacks all weights: a batch should be one of them.
    """
    if not phase.lengths:
        return random.sample(range(phase.num_examples), phase.num_examples)
    similar = [length * random.uniform(*LENGTH_JITTER) for length in phase.lengths]
    by_length = sorted(range(phase.num_examples), key=similar.__getitem__)
    batches = [by_length[i : i + batch_size] for i in range(0, len(by_length), batch_size)]
    return [place for batch in random.sample(batches, len(batches)) for place in batch]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
