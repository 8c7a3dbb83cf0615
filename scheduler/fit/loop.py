"""Fits one slot in phases, the weakest evidence first. Equal seeds and examples: equal bytes.

The passes are shared with the fits of other slots; everything else is this fit's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from math import inf
from random import Random

import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import TrainingExample
from scheduler.fit.distillation import distillation_step, target
from scheduler.fit.examples import (
    Exchanges,
    FitExamples,
    num_kl_replies,
    rating_weights,
    tokenise_examples,
)
from scheduler.fit.lessons import TeacherReply
from scheduler.fit.lora_init import init_from_gradients
from scheduler.fit.passes import StepLoss, Steps
from scheduler.fit.steps import preference_step, ratings_step, supervised_step
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
    """`step(indices, stop_loss)` makes gradients, as in `scheduler.fit.steps`.

    With `lengths` of the examples, those of a batch have similar ones.
    """

    name: str
    num_examples: int
    learning_rate: float
    stop_loss: float
    step: Callable[[Sequence[int], float], Steps[StepLoss]]
    lengths: tuple[int, ...] = ()


def fit(
    model: TrainedModel,
    slot: int,
    examples: Sequence[TrainingExample],
    kl_replies: Exchanges,
    config: TrainingConfig,
    report: Report,
    *,
    is_warm: bool = False,
) -> Steps[tuple[PhaseReport, ...]]:
    """Fit a slot on the examples, from its weights; an empty one is initialised from gradients.

    The ratings phase keeps the adapter close to the base on `kl_replies`; in a warm start, the
    supervised phase does so, too. Returns the phases that had examples, in order. Raises
    `ValueError` if no example fits into `config.max_tokens`.
    """
    tokenised = tokenise_examples(
        model.base.renderer, examples, kl_replies, config, is_warm=is_warm
    )
    phases = [
        each for each in _phases(model.base, slot, tokenised, config, is_warm) if each.num_examples
    ]
    if not phases:
        raise ValueError(f"no example is shorter than {config.max_tokens} tokens")
    reports = []
    with model.train(slot):
        if model.pool.is_empty(slot):
            with init_from_gradients(model.pool, slot, config.seed):
                yield from _first_gradients(phases, config.seed)
        for phase in phases:
            reports.append((yield from _optimise(model.pool, slot, phase, config, report)))
    return tuple(reports)


def distil(
    model: TrainedModel,
    slot: int,
    taught: Sequence[TeacherReply],
    config: TrainingConfig,
    report: Report,
) -> Steps[PhaseReport]:
    """Fit an empty slot to a teacher's replies, and scale it by `config.distillation_scale`.

    Raises `ValueError` if no reply of the teacher fits into `config.max_tokens`.
    """
    found = (target(model.base.renderer, e.messages, e, config.max_tokens) for e in taught)
    targets = [each for each in found if each is not None]
    if not targets:
        raise ValueError(f"no reply of the teacher is shorter than {config.max_tokens} tokens")

    def step(chosen: Sequence[int], stop_loss: float) -> Steps[StepLoss]:
        return distillation_step(model.base, slot, [targets[i] for i in chosen])

    rate, seed = config.distillation_rate, config.seed
    lengths = tuple(len(each.reply.ids) for each in targets)
    phase = _Phase("distillation", len(targets), rate, -inf, step, lengths)
    steps = replace(config, max_steps=config.distillation_steps, min_passes=0)
    with model.train(slot):
        with init_from_gradients(model.pool, slot, seed):
            yield from _first_gradients([phase], seed)
        fitted = yield from _optimise(model.pool, slot, phase, steps, report)
    model.pool.scale(slot, config.distillation_scale)
    return fitted


def _first_gradients(phases: Sequence[_Phase], seed: int) -> Steps[None]:
    for phase in phases:
        count = min(phase.num_examples, INIT_EXAMPLES)
        chosen = Random(seed).sample(range(phase.num_examples), count)
        yield from phase.step(chosen, -inf)


def _phases(
    base: BaseModel, slot: int, examples: FitExamples, config: TrainingConfig, is_warm: bool
) -> tuple[_Phase, ...]:
    """The phases in order: later ones override earlier ones."""
    weights, kl_replies = rating_weights(examples.ratings), cycle(examples.kl_replies)

    def ratings(chosen: Sequence[int], stop_loss: float) -> Steps[StepLoss]:
        kl = list(islice(kl_replies, len(chosen)))
        batch = [examples.ratings[i] for i in chosen]
        return ratings_step(base, slot, batch, weights, kl, config, stop_loss)

    def supervised(chosen: Sequence[int], stop_loss: float) -> Steps[StepLoss]:
        kl = list(islice(kl_replies, num_kl_replies(len(chosen)))) if is_warm else []
        batch = [examples.replies[i] for i in chosen]
        return supervised_step(base, slot, batch, kl, stop_loss)

    def preference(chosen: Sequence[int], stop_loss: float) -> Steps[StepLoss]:
        batch = [examples.pairs[i] for i in chosen]
        return preference_step(base, slot, batch, config, stop_loss)

    rate, dpo_rate = config.learning_rate, config.dpo_learning_rate
    return (
        _Phase("ratings", len(examples.ratings), dpo_rate, RATINGS_STOP_LOSS, ratings),
        _Phase("supervised", len(examples.replies), rate, config.sft_stop_loss, supervised),
        _Phase("preference", len(examples.pairs), dpo_rate, config.dpo_stop_loss, preference),
    )


def _optimise(
    pool: AdapterPool, slot: int, phase: _Phase, config: TrainingConfig, report: Report
) -> Steps[PhaseReport]:
    """AdamW with warm-up and linear decay to zero, until every step of a pass is at the stop loss.

    Not the mean of the steps: with few examples it can be low enough while one is unlearned. With
    constant rates, the last examples would decide where the weights end up.
    """
    a, b = pool.trained_weights(slot)
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
        loss = yield from phase.step(chosen, phase.stop_loss)
        losses.append(loss.value)
        if loss.has_gradients:
            torch.nn.utils.clip_grad_norm_([*a, *b], config.gradient_clip)
            optimiser.step()
        optimiser.zero_grad()  # other fits' gradients leave zeros here
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
