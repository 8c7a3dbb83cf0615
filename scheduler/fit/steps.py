"""The gradients of one step of each phase, in micro-batches. Each function returns its mean loss.

Examples whose loss is at most `stop_loss` make no gradients: they would be overfitted while others
are still learned. If all are learned, there is no backward pass and no gradient at all.
"""

from collections.abc import Sequence

import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from scheduler.fit.batching import TokenisedReply, collate, micro_batches
from scheduler.fit.examples import RatedTokens, TokenisedPair
from scheduler.fit.losses import (
    apo_zero_losses,
    dpo_losses,
    kl_from_base,
    log_ratios,
    reply_log_probs,
    supervised_losses,
)
from scheduler.records import TrainingConfig

KL_WEIGHT = 0.2
"""The weight of a nat of drift. The ratings' loss is in 0..1, the supervised one in nats."""


def ratings_backward(
    base: BaseModel,
    pool: AdapterPool,
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
    loss, is_learned = 0.0, True
    for group in micro_batches([len(rating.reply.ids) for rating in ratings]):
        batch = collate([ratings[i].reply for i in group], base.device)
        is_liked = torch.tensor([ratings[i].is_desirable for i in group], device=base.device)
        ratios, _ = log_ratios(base, pool, batch)
        losses = apo_zero_losses(ratios, config.dpo_beta, is_liked)
        loss += losses.sum().item() / len(ratings)
        needed = losses > stop_loss
        if needed.any():
            is_learned = False
            weighted = needed * torch.where(is_liked, *weights) * losses
            (weighted.sum() / len(ratings)).backward()  # type: ignore[no-untyped-call]
    if not is_learned:
        _drift_backward(base, pool, kl_replies)
    return loss


def supervised_backward(
    base: BaseModel,
    pool: AdapterPool,
    replies: Sequence[TokenisedReply],
    kl_replies: Sequence[TokenisedReply],
    stop_loss: float,
) -> float:
    """Gradients of the supervised loss plus the drift on `kl_replies`; returns the former."""
    total = sum(sum(reply.weights) for reply in replies)
    loss, is_learned = 0.0, True
    for group in micro_batches([len(reply.ids) for reply in replies]):
        batch = collate([replies[i] for i in group], base.device)
        losses, weights = supervised_losses(reply_log_probs(base, batch), batch)
        shares = weights / total
        loss += (shares * losses).sum().item()
        needed = losses > stop_loss
        if needed.any():
            is_learned = False
            (needed * shares * losses).sum().backward()  # type: ignore[no-untyped-call]
    if not is_learned:
        _drift_backward(base, pool, kl_replies)
    return loss


def preference_backward(
    base: BaseModel,
    pool: AdapterPool,
    pairs: Sequence[TokenisedPair],
    config: TrainingConfig,
    stop_loss: float,
) -> float:
    """Gradients of DPO plus a supervised loss on the chosen replies; returns DPO's loss.

    DPO alone may lower the chosen likelihood ("likelihood displacement", Razin et al. 2024).
    """
    loss = 0.0
    lengths = [2 * max(len(p.chosen.ids), len(p.rejected.ids)) for p in pairs]
    for group in micro_batches(lengths):
        replies = [*(pairs[i].chosen for i in group), *(pairs[i].rejected for i in group)]
        flip_rates = torch.tensor([pairs[i].flip_rate for i in group], device=base.device)
        ratios, log_probs = log_ratios(base, pool, collate(replies, base.device))
        chosen, rejected = ratios.chunk(2)
        losses = dpo_losses(chosen, rejected, config.dpo_beta, flip_rates)
        loss += losses.sum().item() / len(pairs)
        needed = losses > stop_loss
        if needed.any():
            total = needed * (losses - config.dpo_sft_weight * log_probs[: len(group)])
            (total.sum() / len(pairs)).backward()  # type: ignore[no-untyped-call]
    return loss


def _drift_backward(
    base: BaseModel, pool: AdapterPool, kl_replies: Sequence[TokenisedReply]
) -> None:
    """Gradients of `KL_WEIGHT` times KL(adapter || base), mean over the replies' tokens."""
    total = sum(reply.reply_tokens for reply in kl_replies)
    for group in micro_batches([len(reply.ids) for reply in kl_replies]):
        share = sum(kl_replies[i].reply_tokens for i in group) / total
        drift = kl_from_base(base, pool, collate([kl_replies[i] for i in group], base.device))
        (KL_WEIGHT * share * drift).backward()  # type: ignore[no-untyped-call]
