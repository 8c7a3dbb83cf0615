"""The steps of each phase, as passes of one user. Each function returns its mean loss.

Examples whose loss is at most `stop_loss` make no gradients: they would be overfitted while others
are still learned. If all are learned, there is no backward pass and no gradient at all.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from scheduler.fit.batching import TokenisedReply
from scheduler.fit.examples import RatedTokens, TokenisedPair
from scheduler.fit.losses import (
    apo_zero_losses,
    dpo_losses,
    ratios_of,
    supervised_losses,
)
from scheduler.fit.passes import Pass, ReadUnits, StepLoss, Steps
from scheduler.fit.vocabulary import divergences
from scheduler.records import TrainingConfig

KL_WEIGHT = 0.2
"""The weight of a nat of drift. The ratings' loss is in 0..1, the supervised one in nats."""


def ratings_step(
    base: BaseModel,
    slot: int,
    ratings: Sequence[RatedTokens],
    weights: tuple[float, float],
    kl_replies: Sequence[TokenisedReply],
    config: TrainingConfig,
    stop_loss: float,
) -> Steps[StepLoss]:
    """Gradients of APO-zero plus the drift on `kl_replies`; returns APO-zero, unweighted.

    `weights` are those of a liked and a disliked reply. Dislikes alone give no direction: without
    the drift term all text would become less likely, not just the disliked replies.
    """
    loss = StepLoss()

    def objective(read: ReadUnits) -> Tensor | None:
        is_liked = torch.tensor([ratings[i].is_desirable for i in read.units], device=base.device)
        ratios, _ = _ratios(base, read)
        losses = apo_zero_losses(ratios, config.dpo_beta, is_liked)
        needed = losses > stop_loss
        weighted = needed * torch.where(is_liked, *weights) * losses
        return loss.add(losses / len(ratings), needed, weighted / len(ratings))

    yield Pass(slot, [(each.reply,) for each in ratings], objective, needs_reference=True)
    if loss.has_gradients:
        yield from _drift(base, slot, kl_replies)
    return loss


def supervised_step(
    base: BaseModel,
    slot: int,
    replies: Sequence[TokenisedReply],
    kl_replies: Sequence[TokenisedReply],
    stop_loss: float,
) -> Steps[StepLoss]:
    """Gradients of the supervised loss plus the drift on `kl_replies`; returns the former."""
    loss, total = StepLoss(), sum(sum(reply.weights) for reply in replies)

    def objective(read: ReadUnits) -> Tensor | None:
        losses, weights = supervised_losses(base, read.batch, read.states, read.reference)
        shares = weights / total * losses
        needed = losses > stop_loss
        return loss.add(shares, needed, needed * shares)

    is_compared = any(any(reply.is_kept) for reply in replies)
    yield Pass(slot, [(reply,) for reply in replies], objective, needs_reference=is_compared)
    if loss.has_gradients:
        yield from _drift(base, slot, kl_replies)
    return loss


def preference_step(
    base: BaseModel,
    slot: int,
    pairs: Sequence[TokenisedPair],
    config: TrainingConfig,
    stop_loss: float,
) -> Steps[StepLoss]:
    """Gradients of DPO plus a supervised loss on the chosen replies; returns DPO's loss.

    DPO alone may lower the chosen likelihood ("likelihood displacement", Razin et al. 2024).
    """
    loss = StepLoss()

    def objective(read: ReadUnits) -> Tensor | None:
        flip_rates = torch.tensor([pairs[i].flip_rate for i in read.units], device=base.device)
        ratios, log_probs = _ratios(base, read)
        chosen, rejected = ratios.chunk(2)
        losses = dpo_losses(chosen, rejected, config.dpo_beta, flip_rates)
        needed = losses > stop_loss
        total = needed * (losses - config.dpo_sft_weight * log_probs[: len(read.units)])
        return loss.add(losses / len(pairs), needed, total / len(pairs))

    units = [(pair.chosen, pair.rejected) for pair in pairs]
    yield Pass(slot, units, objective, needs_reference=True)
    return loss


def _ratios(base: BaseModel, read: ReadUnits) -> tuple[Tensor, Tensor]:
    assert read.reference is not None
    return ratios_of(base, read.batch, read.states, read.reference)


def _drift(base: BaseModel, slot: int, kl_replies: Sequence[TokenisedReply]) -> Steps[None]:
    """Gradients of `KL_WEIGHT` times KL(adapter || base), mean over the replies' tokens."""
    total = sum(reply.reply_tokens for reply in kl_replies)

    def objective(read: ReadUnits) -> Tensor:
        assert read.reference is not None
        share = sum(kl_replies[i].reply_tokens for i in read.units) / total
        return KL_WEIGHT * share * divergences(base, read.states, read.reference).mean()

    yield Pass(slot, [(reply,) for reply in kl_replies], objective, needs_reference=True)
