"""Fits one adapter slot: supervised on chosen replies, then on preference pairs.

In an order drawn from the seed: from "no adapter", the same rows and seed give the same bytes.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import ExampleKind, TrainingExample
from scheduler.records import TrainingConfig
from scheduler.trainers.batches import (
    Batch,
    TokenisedReply,
    collate,
    micro_batches,
    tokenise,
    tokenise_target,
)
from scheduler.trainers.losses import (
    dpo_norm_loss,
    mean_per_token,
    reply_log_probs,
    supervised_loss,
)

_AVERAGED_STEPS = 5

Report = Callable[[int, int, float], None]
"""Hears of every step: its number, how many there are at most, its loss."""


@dataclass(frozen=True, slots=True)
class FitReport:
    """Mean loss over the first and the last pass through the rows, and the steps taken."""

    loss_before: float
    loss_after: float
    steps: int


@dataclass(frozen=True, slots=True)
class _Pair:
    chosen: TokenisedReply
    rejected: TokenisedReply


def fit(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    examples: Sequence[TrainingExample],
    config: TrainingConfig,
    report: Report,
) -> FitReport:
    """Fit a slot on the examples, from what is in it; `AdapterPool.initialise` it first.

    Raises `ValueError` where no example fits into `config.max_tokens`.
    """
    replies, pairs = _tokenise_all(base, examples, config)
    reports = []
    with pool.use(slot):
        if replies:

            def supervised(chosen: Sequence[int]) -> float:
                return _supervised_backward(base, [replies[i] for i in chosen])

            schedule = _Schedule(len(replies), config.learning_rate, config.sft_stop_loss)
            reports.append(_optimise(pool, slot, schedule, supervised, config, report))
        if pairs:

            def preference(chosen: Sequence[int]) -> float:
                return _preference_backward(base, pool, [pairs[i] for i in chosen], config)

            schedule = _Schedule(len(pairs), config.dpo_learning_rate, config.dpo_stop_loss)
            reports.append(_optimise(pool, slot, schedule, preference, config, report))
    pool.requires_grad(False)
    if not reports:
        raise ValueError(f"no example is shorter than {config.max_tokens} tokens")
    return FitReport(
        loss_before=reports[0].loss_before,
        loss_after=reports[0].loss_after,
        steps=sum(phase.steps for phase in reports),
    )


@dataclass(frozen=True, slots=True)
class _Schedule:
    rows: int
    learning_rate: float
    stop_loss: float


def _optimise(
    pool: AdapterPool,
    slot: int,
    schedule: _Schedule,
    backward: Callable[[Sequence[int]], float],
    config: TrainingConfig,
    report: Report,
) -> FitReport:
    """AdamW with warm-up, over shuffled passes, until every step of the last pass is low enough.

    Every step and not their mean: with few rows a mean ends a fit while one row is unlearned. What
    stays is the mean of the last steps' weights (Izmailov et al. 2018, arXiv 1803.05407): single
    rows pull the weights to and fro, their mean loops less and forgets less.
    """
    pool.requires_grad(True)
    a, b = pool.a_parameters(), pool.b_parameters()
    # alpha / rank is folded into B, and Adam's steps do not scale with the parameter: B's rate
    # carries the factor, so training equals that of PEFT's unfolded B.
    rates = (schedule.learning_rate, schedule.learning_rate * pool.config.scaling)
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
    per_pass = -(-schedule.rows // config.batch_size)
    steps = max(config.max_steps, config.min_passes * per_pass)
    for step in range(1, steps + 1):
        if not order:
            order = random.sample(range(schedule.rows), schedule.rows)
        chosen, order = order[: config.batch_size], order[config.batch_size :]
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * min(1.0, step / config.warmup_steps)
        losses.append(backward(chosen))
        torch.nn.utils.clip_grad_norm_([*a, *b], config.gradient_clip)
        optimiser.step()
        optimiser.zero_grad()
        recent.append([weight.detach()[slot].clone() for weight in (*a, *b)])
        report(step, steps, losses[-1])
        if step >= per_pass and max(losses[-per_pass:]) <= schedule.stop_loss:
            break
    with torch.no_grad():
        for i, weight in enumerate((*a, *b)):
            weight[slot].copy_(torch.stack([step[i] for step in recent]).mean(dim=0))
    return FitReport(_mean(losses[:per_pass]), _mean(losses[-per_pass:]), len(losses))


def _supervised_backward(base: BaseModel, rows: Sequence[TokenisedReply]) -> float:
    """Gradients of the weighted mean negative log-likelihood per reply token; returns it."""
    total = sum(sum(row.weights) for row in rows)
    loss = 0.0
    for group in micro_batches([len(row.ids) for row in rows]):
        batch = collate([rows[i] for i in group], base.device)
        part = supervised_loss(reply_log_probs(base, batch), batch) / total
        part.backward()  # type: ignore[no-untyped-call]
        loss += part.item()
    return loss


def _preference_backward(
    base: BaseModel,
    pool: AdapterPool,
    pairs: Sequence[_Pair],
    config: TrainingConfig,
) -> float:
    """Gradients of DPO on the pairs plus supervision on their chosen replies; returns DPO's loss.

    The supervised part holds the chosen reply's likelihood up, which DPO alone may lower
    (Razin et al. 2024, "likelihood displacement").
    """
    loss = 0.0
    lengths = [2 * max(len(p.chosen.ids), len(p.rejected.ids)) for p in pairs]
    for group in micro_batches(lengths):
        rows = [*(pairs[i].chosen for i in group), *(pairs[i].rejected for i in group)]
        batch = collate(rows, base.device)
        with torch.no_grad(), pool.use(0):
            base_chosen, base_rejected = _halves(base, batch)
        chosen, rejected = _halves(base, batch)
        preference = dpo_norm_loss(chosen, rejected, base_chosen, base_rejected, config.dpo_beta)
        share = len(group) / len(pairs)
        total = (preference - config.dpo_sft_weight * chosen.mean()) * share
        total.backward()  # type: ignore[no-untyped-call]
        loss += preference.item() * share
    return loss


def _halves(base: BaseModel, batch: Batch) -> tuple[Tensor, Tensor]:
    """Mean log-probabilities of a batch that holds chosen replies, then their rejected ones."""
    first, second = mean_per_token(reply_log_probs(base, batch), batch).chunk(2)
    return first, second


def _tokenise_all(
    base: BaseModel, examples: Sequence[TrainingExample], config: TrainingConfig
) -> tuple[list[TokenisedReply], list[_Pair]]:
    renderer, max_tokens = base.renderer, config.max_tokens
    replies, pairs = [], []
    for example in examples:
        if example.kind is ExampleKind.SFT:
            target = tokenise_target(renderer, example, max_tokens, config.edit_weight)
            if target is not None:
                replies.append(target)
        elif example.rejected is not None:
            chosen = tokenise(renderer, example.prompt, example.chosen, max_tokens)
            rejected = tokenise(renderer, example.prompt, example.rejected, max_tokens)
            if chosen is not None and rejected is not None:
                pairs.append(_Pair(chosen, rejected))
    return replies, pairs


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
