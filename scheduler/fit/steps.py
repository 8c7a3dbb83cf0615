"""The gradients of one step of each phase, in micro-batches. Each function returns its mean loss.

Rows whose loss is no higher than `enough` make none: while others are still learned, they would be
learned by heart. Where no row needs learning there is no backward pass and no gradient at all.
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
"""What a nat of drift on kept replies costs, where the thumbs' loss is between 0 and 1, and that of
replies to learn is in nats."""


def ratings_backward(
    base: BaseModel,
    pool: AdapterPool,
    ratings: Sequence[RatedTokens],
    weights: tuple[float, float],
    kl_replies: Sequence[TokenisedReply],
    config: TrainingConfig,
    enough: float,
) -> float:
    """Gradients of APO-zero, weighed as (liked, disliked), plus the drift on kept replies.

    Returns APO-zero, unweighed. Dislikes alone name nothing to move towards: without
    the second term all text would become less likely, not just what was disliked.
    """
    loss, is_learned = 0.0, True
    for group in micro_batches([len(rating.reply.ids) for rating in ratings]):
        batch = collate([ratings[i].reply for i in group], base.device)
        is_liked = torch.tensor([ratings[i].is_desirable for i in group], device=base.device)
        ratios, _ = log_ratios(base, pool, batch)
        losses = apo_zero_losses(ratios, config.dpo_beta, is_liked)
        loss += losses.sum().item() / len(ratings)
        needed = losses > enough
        if needed.any():
            is_learned = False
            weighed = needed * torch.where(is_liked, *weights) * losses
            (weighed.sum() / len(ratings)).backward()  # type: ignore[no-untyped-call]
    if not is_learned:
        _drift_backward(base, pool, kl_replies)
    return loss


def supervised_backward(
    base: BaseModel,
    pool: AdapterPool,
    rows: Sequence[TokenisedReply],
    kl_replies: Sequence[TokenisedReply],
    enough: float,
) -> float:
    """Gradients of the weighted mean negative log-likelihood per reply token, plus the drift on
    kept replies; returns the former."""
    total = sum(sum(row.weights) for row in rows)
    loss, is_learned = 0.0, True
    for group in micro_batches([len(row.ids) for row in rows]):
        batch = collate([rows[i] for i in group], base.device)
        losses, weights = supervised_losses(reply_log_probs(base, batch), batch)
        shares = weights / total
        loss += (shares * losses).sum().item()
        needed = losses > enough
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
    enough: float,
) -> float:
    """Gradients of DPO on the pairs plus supervision on their chosen replies; returns DPO's loss.

    The supervised part holds the chosen reply's likelihood up, which DPO alone may lower
    (Razin et al. 2024, "likelihood displacement").
    """
    loss = 0.0
    lengths = [2 * max(len(p.chosen.ids), len(p.rejected.ids)) for p in pairs]
    for group in micro_batches(lengths):
        rows = [*(pairs[i].chosen for i in group), *(pairs[i].rejected for i in group)]
        flip_rates = torch.tensor([pairs[i].flip_rate for i in group], device=base.device)
        ratios, log_probs = log_ratios(base, pool, collate(rows, base.device))
        chosen, rejected = ratios.chunk(2)
        losses = dpo_losses(chosen, rejected, config.dpo_beta, flip_rates)
        loss += losses.sum().item() / len(pairs)
        needed = losses > enough
        if needed.any():
            total = needed * (losses - config.dpo_sft_weight * log_probs[: len(group)])
            (total.sum() / len(pairs)).backward()  # type: ignore[no-untyped-call]
    return loss


def _drift_backward(
    base: BaseModel, pool: AdapterPool, kl_replies: Sequence[TokenisedReply]
) -> None:
    """Gradients of KL(adapter || base), mean over the tokens of kept replies, times `KL_WEIGHT`."""
    total = sum(row.reply_tokens for row in kl_replies)
    for group in micro_batches([len(row.ids) for row in kl_replies]):
        share = sum(kl_replies[i].reply_tokens for i in group) / total
        drift = kl_from_base(base, pool, collate([kl_replies[i] for i in group], base.device))
        (KL_WEIGHT * share * drift).backward()  # type: ignore[no-untyped-call]
