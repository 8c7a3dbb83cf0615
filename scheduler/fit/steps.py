"""The gradients of one step of each phase, in micro-batches. Each function returns its mean loss.

Examples whose loss is at most `stop_loss` make no gradients: they would be overfitted while others
are still learned. If all are learned, there is no backward pass and no gradient at all.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from scheduler.fit.batching import TokenisedReply, collate
from scheduler.fit.examples import RatedTokens, TokenisedPair
from scheduler.fit.losses import (
    apo_zero_losses,
    dpo_losses,
    kl_from_base,
    log_ratios,
    reply_log_probs,
    supervised_losses,
)
from scheduler.fit.trained_model import TrainedModel
from scheduler.records import TrainingConfig

KL_WEIGHT = 0.2
"""The weight of a nat of drift. The ratings' loss is in 0..1, the supervised one in nats."""


def ratings_backward(
    model: TrainedModel,
    ratings: Sequence[RatedTokens],
    weights: tuple[float, float],
    kl_replies: Sequence[TokenisedReply],
    config: TrainingConfig,
    stop_loss: float,
) -> float:
    """Gradients of APO-zero plus the drift on `kl_replies`; returns APO-zero, unweighted.

    `weights` are those of a liked and a disliked reply. Dislikes alone give no direction: without
    the drift term all text would become less likely, not just the disliked replies.
    """

    def of_group(group: Sequence[int]) -> tuple[float, bool]:
        batch = collate([ratings[i].reply for i in group], model.base.device)
        is_liked = torch.tensor([ratings[i].is_desirable for i in group], device=model.base.device)
        ratios, _ = log_ratios(model.base, model.pool, batch)
        losses = apo_zero_losses(ratios, config.dpo_beta, is_liked)
        needed = losses > stop_loss
        weighted = needed * torch.where(is_liked, *weights) * losses
        return _backward(losses / len(ratings), needed, weighted / len(ratings))

    lengths = [len(rating.reply.ids) for rating in ratings]
    loss, has_gradients = _sum_of(of_group(group) for group in model.micro_batches(lengths))
    if has_gradients:
        _drift_backward(model, kl_replies)
    return loss


def supervised_backward(
    model: TrainedModel,
    replies: Sequence[TokenisedReply],
    kl_replies: Sequence[TokenisedReply],
    stop_loss: float,
) -> float:
    """Gradients of the supervised loss plus the drift on `kl_replies`; returns the former."""
    total = sum(sum(reply.weights) for reply in replies)

    def of_group(group: Sequence[int]) -> tuple[float, bool]:
        batch = collate([replies[i] for i in group], model.base.device)
        losses, weights = supervised_losses(reply_log_probs(model.base, batch), batch)
        shares = weights / total * losses
        needed = losses > stop_loss
        return _backward(shares, needed, needed * shares)

    lengths = [len(reply.ids) for reply in replies]
    loss, has_gradients = _sum_of(of_group(group) for group in model.micro_batches(lengths))
    if has_gradients:
        _drift_backward(model, kl_replies)
    return loss


def preference_backward(
    model: TrainedModel,
    pairs: Sequence[TokenisedPair],
    config: TrainingConfig,
    stop_loss: float,
) -> float:
    """Gradients of DPO plus a supervised loss on the chosen replies; returns DPO's loss.

    DPO alone may lower the chosen likelihood ("likelihood displacement", Razin et al. 2024).
    """

    def of_group(group: Sequence[int]) -> tuple[float, bool]:
        replies = [*(pairs[i].chosen for i in group), *(pairs[i].rejected for i in group)]
        flip_rates = torch.tensor([pairs[i].flip_rate for i in group], device=model.base.device)
        ratios, log_probs = log_ratios(model.base, model.pool, collate(replies, model.base.device))
        chosen, rejected = ratios.chunk(2)
        losses = dpo_losses(chosen, rejected, config.dpo_beta, flip_rates)
        needed = losses > stop_loss
        total = needed * (losses - config.dpo_sft_weight * log_probs[: len(group)])
        return _backward(losses / len(pairs), needed, total / len(pairs))

    lengths = [max(len(pair.chosen.ids), len(pair.rejected.ids)) for pair in pairs]
    loss, _ = _sum_of(of_group(group) for group in model.micro_batches(lengths, rows=2))
    return loss


def _backward(losses: Tensor, needed: Tensor, objective: Tensor) -> tuple[float, bool]:
    """Gradients of the sum of `objective`, if any row is `needed`; all are [rows].

    Returns the sum of the `losses`, and whether there were gradients.
    """
    has_gradients = bool(needed.any())
    if has_gradients:
        objective.sum().backward()  # type: ignore[no-untyped-call]
    return losses.sum().item(), has_gradients


def _sum_of(groups: Iterable[tuple[float, bool]]) -> tuple[float, bool]:
    """The losses of all groups, and whether any made gradients."""
    # Each group is done in a function of its own: then its activations are freed with it.
    loss, has_gradients = 0.0, False
    for group_loss, group_has_gradients in groups:
        loss += group_loss
        has_gradients |= group_has_gradients
    return loss, has_gradients


def _drift_backward(model: TrainedModel, kl_replies: Sequence[TokenisedReply]) -> None:
    """Gradients of `KL_WEIGHT` times KL(adapter || base), mean over the replies' tokens."""
    total = sum(reply.reply_tokens for reply in kl_replies)
    for group in model.micro_batches([len(reply.ids) for reply in kl_replies]):
        share = sum(kl_replies[i].reply_tokens for i in group) / total
        batch = collate([kl_replies[i] for i in group], model.base.device)
        drift = kl_from_base(model.base, model.pool, batch).mean()
        (KL_WEIGHT * share * drift).backward()  # type: ignore[no-untyped-call]
