"""Measures adapters: loss on judgements, drift from the base, loops. Decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from feedback.records import TrainingExample
from scheduler.anchors import ANCHORS, anchor_replies
from scheduler.repetition import repetitive_share
from scheduler.trainers.batches import (
    TokenisedReply,
    collate,
    micro_batches,
    tokenise,
    weigh,
)
from scheduler.trainers.losses import reply_log_probs, reply_logits


@dataclass(frozen=True, slots=True)
class AnchorReport:
    """How an adapter behaves on prompts it was not taught about.

    `kl` is the mean KL(adapter || base) in nats per token of the base's replies.
    """

    kl: float
    repetition_base: float
    repetition_adapter: float


@torch.no_grad()
def example_losses(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    examples: Sequence[TrainingExample],
    max_tokens: int,
    edit_weight: float = 1.0,
) -> list[float | None]:
    """Mean nats per token of each example's chosen reply; None where it does not fit.

    Tokens that a person changed count `edit_weight` times.
    """
    tokenised = [_weighed(base, example, max_tokens, edit_weight) for example in examples]
    losses: list[float | None] = [None] * len(examples)
    fitting = [(i, row) for i, row in enumerate(tokenised) if row]
    for group in micro_batches([len(row.ids) for _, row in fitting]):
        batch = collate([fitting[g][1] for g in group], base.device)
        with pool.use(slot):
            log_probs = reply_log_probs(base, batch)
        weights = batch.weights[:, -log_probs.shape[1] :]
        means = (weights * log_probs).sum(dim=1) / weights.sum(dim=1)
        for g, value in zip(group, means.tolist(), strict=True):
            losses[fitting[g][0]] = -value
    return losses


def _weighed(
    base: BaseModel, example: TrainingExample, max_tokens: int, edit_weight: float
) -> TokenisedReply | None:
    row = tokenise(base.renderer, example.prompt, example.chosen, max_tokens)
    original = base.renderer.text_ids(example.revised_from or example.chosen)
    return weigh(row, original, 1.0, edit_weight) if row else None


def anchor_report(base: BaseModel, pool: AdapterPool, slot: int, cache: Path) -> AnchorReport:
    """Compare an adapter with the base on the anchors; `cache` keeps the base's replies."""
    base_replies, replies = anchor_replies(base, pool, slot, cache)
    return AnchorReport(
        kl=_mean_kl(base, pool, slot, base_replies),
        repetition_base=repetitive_share(base_replies),
        repetition_adapter=repetitive_share(replies),
    )


@torch.no_grad()
def _mean_kl(base: BaseModel, pool: AdapterPool, slot: int, replies: Sequence[str]) -> float:
    """KL(adapter || base) per reply token, teacher-forced on the base's replies to the anchors."""
    rows = [
        tokenise(base.renderer, prompt, reply, base.context_length)
        for prompt, reply in zip(ANCHORS, replies, strict=True)
    ]
    fitting = [row for row in rows if row]
    total, tokens = 0.0, 0
    for group in micro_batches([len(row.ids) for row in fitting]):
        batch = collate([fitting[i] for i in group], base.device)
        log_probs = []
        for used in (slot, NO_ADAPTER):
            with pool.use(used):
                logits = reply_logits(base, batch)
            mask = batch.is_reply[:, -logits.shape[1] :]
            log_probs.append(F.log_softmax(logits[mask].float(), dim=-1))
        adapter, reference = log_probs
        total += F.kl_div(reference, adapter, reduction="sum", log_target=True).item()
        tokens += int(mask.sum())
    return total / max(tokens, 1)
