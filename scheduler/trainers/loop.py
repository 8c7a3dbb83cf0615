"""Fits one adapter slot, the weakest evidence first: on thumbs, on replies to learn, on pairs.

In an order drawn from the seed: from "no adapter", the same rows and seed give the same bytes.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random

import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import TrainingExample
from scheduler.records import TrainingConfig
from scheduler.trainers.gradients import preference_backward, supervised_backward, thumbs_backward
from scheduler.trainers.rows import Exchanges, Rows, kept_beside, thumb_weights, tokenise_rows

THUMBS_STOP_LOSS = 0.4
"""APO-zero ends here; the base has 0.5. With beta 5 a disliked reply is then 0.08 nats per token
less likely than the base makes it: of a hundred tokens, one time in 3,000."""

_AVERAGED_STEPS = 5

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
    kept: Exchanges,
    config: TrainingConfig,
    report: Report,
    *,
    is_warm: bool = False,
) -> tuple[PhaseReport, ...]:
    """Fit a slot on the examples, from what is in it; `AdapterPool.initialise` it first.

    While dislikes are learned, the replies to the `kept` prompts are held close to the base's; in a
    warm start, which moves on from earlier fits, also while replies are learned.
    Returns the phases that there were rows for, in order. Raises `ValueError` where no example fits
    into `config.max_tokens`.
    """
    rows = tokenise_rows(base.renderer, examples, kept, config, is_warm=is_warm)
    with pool.use(slot):
        reports = tuple(
            _optimise(pool, slot, phase, config, report)
            for phase in _phases(base, pool, rows, config, is_warm)
            if phase.rows
        )
    pool.requires_grad(False)
    if not reports:
        raise ValueError(f"no example is shorter than {config.max_tokens} tokens")
    return reports


def _phases(
    base: BaseModel, pool: AdapterPool, rows: Rows, config: TrainingConfig, is_warm: bool
) -> tuple[_Phase, ...]:
    """What comes later overrules what came before, so corrections have the last word but one."""
    weights, kept = thumb_weights(rows.thumbs), cycle(rows.kept)

    def thumbs(chosen: Sequence[int], enough: float) -> float:
        beside = list(islice(kept, len(chosen)))
        taken = [rows.thumbs[i] for i in chosen]
        return thumbs_backward(base, pool, taken, weights, beside, config, enough)

    def supervised(chosen: Sequence[int], enough: float) -> float:
        beside = list(islice(kept, kept_beside(len(chosen)))) if is_warm else []
        taken = [rows.replies[i] for i in chosen]
        return supervised_backward(base, pool, taken, beside, enough)

    def preference(chosen: Sequence[int], enough: float) -> float:
        taken = [rows.pairs[i] for i in chosen]
        return preference_backward(base, pool, taken, config, enough)

    rate, preference_rate = config.learning_rate, config.dpo_learning_rate
    return (
        _Phase("thumbs", len(rows.thumbs), preference_rate, THUMBS_STOP_LOSS, thumbs),
        _Phase("supervised", len(rows.replies), rate, config.sft_stop_loss, supervised),
        _Phase("preference", len(rows.pairs), preference_rate, config.dpo_stop_loss, preference),
    )


def _optimise(
    pool: AdapterPool,
    slot: int,
    phase: _Phase,
    config: TrainingConfig,
    report: Report,
) -> PhaseReport:
    """AdamW with warm-up, over shuffled passes, until every step of the last pass is low enough.

    Every step and not their mean: with few rows a mean ends a fit while one row is unlearned. What
    stays is the mean of the weights after the last steps that changed them (Izmailov et al. 2018,
    arXiv 1803.05407): single rows pull the weights to and fro, their mean loops and forgets less.
    """
    pool.requires_grad(True)
    a, b = pool.a_parameters(), pool.b_parameters()
    # alpha / rank is folded into B, and Adam's steps do not scale with the parameter: B's rate
    # carries the factor, so training equals that of PEFT's unfolded B.
    rates = (phase.learning_rate, phase.learning_rate * pool.config.scaling)
    optimiser = torch.optim.AdamW(
        [{"params": p, "lr": rate} for p, rate in zip((a, b), rates, strict=True)],
        betas=(0.9, 0.999),
        weight_decay=0.0,
        fused=True,
    )
    random = Random(config.seed)
    order: list[int] = []
    losses: list[float] = []
    recent: deque[list[Tensor]] = deque(maxlen=_AVERAGED_STEPS)
    per_pass = -(-phase.rows // config.batch_size)
    steps = max(config.max_steps, config.min_passes * per_pass)
    for step in range(1, steps + 1):
        if not order:
            order = random.sample(range(phase.rows), phase.rows)
        chosen, order = order[: config.batch_size], order[config.batch_size :]
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * min(1.0, step / config.warmup_steps)
        losses.append(phase.backward(chosen, phase.stop_loss))
        if a[0].grad is not None:
            torch.nn.utils.clip_grad_norm_([*a, *b], config.gradient_clip)
            optimiser.step()
            optimiser.zero_grad()
            recent.append([weight.detach()[slot].clone() for weight in (*a, *b)])
        report(step, steps, losses[-1])
        if step >= per_pass and max(losses[-per_pass:]) <= phase.stop_loss:
            break
    if recent:
        with torch.no_grad():
            for i, weight in enumerate((*a, *b)):
                weight[slot].copy_(torch.stack([step[i] for step in recent]).mean(dim=0))
    return PhaseReport(phase.name, _mean(losses[:per_pass]), _mean(losses[-per_pass:]), len(losses))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
