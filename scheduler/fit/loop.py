"""Fits one adapter slot, the weakest evidence first: on thumbs, on replies to learn, on pairs.

In an order drawn from the seed: from "no adapter", the same rows and seed give the same bytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from math import inf
from random import Random

import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import TrainingExample
from scheduler.fit.activation_cache import cache_activations
from scheduler.fit.examples import (
    Exchanges,
    FitExamples,
    num_reference_replies,
    rating_weights,
    tokenise_examples,
)
from scheduler.fit.lora_init import init_from_gradients
from scheduler.fit.steps import preference_backward, ratings_backward, supervised_backward
from scheduler.records import TrainingConfig

RATINGS_STOP_LOSS = 0.4
"""APO-zero ends here; the base has 0.5. With beta 5 a disliked reply is then 0.08 nats per token
less likely than the base makes it: of a hundred tokens, one time in 3,000."""

INIT_EXAMPLES = 16
"""So many of each phase's rows say where an empty slot turns."""

Report = Callable[[int, int, float], None]
"""Hears of every step: its number, how many there are at most, its loss."""


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """Mean loss over the first and the last pass through the rows, and the steps taken."""

    name: str
    loss_before: float
    loss_after: float
    steps: int


@dataclass(frozen=True, slots=True)
class _Phase:
    """`backward` makes the gradients of the rows with some indices, and returns their loss.

    Rows whose loss is no higher than its second argument make none.
    """

    name: str
    rows: int
    learning_rate: float
    stop_loss: float
    backward: Callable[[Sequence[int], float], float]


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
    """Fit a slot on the examples, from what is in it; an empty one is turned towards them first.

    While dislikes are learned, the replies to the `kl_replies` prompts are held close to the base's; in a
    warm start, which moves on from earlier fits, also while replies are learned.
    Returns the phases that there were rows for, in order. Raises `ValueError` where no example fits
    into `config.max_tokens`.
    """
    rows = tokenise_examples(base.renderer, examples, kl_replies, config, is_warm=is_warm)
    phases = [each for each in _phases(base, pool, rows, config, is_warm) if each.rows]
    if not phases:
        raise ValueError(f"no example is shorter than {config.max_tokens} tokens")
    pool.requires_grad(True)
    with pool.use(slot), cache_activations(base, pool):
        if pool.is_empty(slot):
            init_from_gradients(
                pool, slot, config.seed, lambda: _first_gradients(phases, config.seed)
            )
        reports = tuple(_optimise(pool, phase, config, report) for phase in phases)
    pool.requires_grad(False)
    return reports


def _first_gradients(phases: Sequence[_Phase], seed: int) -> None:
    for phase in phases:
        chosen = Random(seed).sample(range(phase.rows), min(phase.rows, INIT_EXAMPLES))
        phase.backward(chosen, -inf)


def _phases(
    base: BaseModel, pool: AdapterPool, rows: FitExamples, config: TrainingConfig, is_warm: bool
) -> tuple[_Phase, ...]:
    """What comes later overrules what came before, so corrections have the last word but one."""
    weights, kl_replies = rating_weights(rows.ratings), cycle(rows.kl_replies)

    def ratings(chosen: Sequence[int], enough: float) -> float:
        beside = list(islice(kl_replies, len(chosen)))
        taken = [rows.ratings[i] for i in chosen]
        return ratings_backward(base, pool, taken, weights, beside, config, enough)

    def supervised(chosen: Sequence[int], enough: float) -> float:
        beside = list(islice(kl_replies, num_reference_replies(len(chosen)))) if is_warm else []
        taken = [rows.replies[i] for i in chosen]
        return supervised_backward(base, pool, taken, beside, enough)

    def preference(chosen: Sequence[int], enough: float) -> float:
        taken = [rows.pairs[i] for i in chosen]
        return preference_backward(base, pool, taken, config, enough)

    rate, preference_rate = config.learning_rate, config.dpo_learning_rate
    return (
        _Phase("thumbs", len(rows.ratings), preference_rate, RATINGS_STOP_LOSS, ratings),
        _Phase("supervised", len(rows.replies), rate, config.sft_stop_loss, supervised),
        _Phase("preference", len(rows.pairs), preference_rate, config.dpo_stop_loss, preference),
    )


def _optimise(
    pool: AdapterPool,
    phase: _Phase,
    config: TrainingConfig,
    report: Report,
) -> PhaseReport:
    """AdamW with warm-up and rates that fall to nothing, until every row of a pass is learned.

    Every step and not their mean: with few rows a mean ends a fit while one row is unlearned. Rates
    that do not fall leave the weights where the last rows happened to pull them.
    """
    a, b = pool.a_parameters(), pool.b_parameters()
    # alpha / rank is folded into B, and Adam's steps do not scale with the parameter: B's rate
    # carries the factor, so training equals that of PEFT's unfolded B.
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
    per_pass = -(-phase.rows // config.batch_size)
    steps = max(config.max_steps, config.min_passes * per_pass)
    for step in range(1, steps + 1):
        if not order:
            order = random.sample(range(phase.rows), phase.rows)
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


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
