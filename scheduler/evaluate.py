"""Measures adapters: loss on judgements, drift from the base. Decides nothing."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from feedback.records import Message, TrainingExample
from scheduler.trainers.batches import collate, micro_batches, tokenise, tokenise_target
from scheduler.trainers.losses import reply_log_probs, reply_logits


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
    tokenised = [
        tokenise_target(base.renderer, example, max_tokens, edit_weight) for example in examples
    ]
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


@torch.no_grad()
def drift(
    base: BaseModel, pool: AdapterPool, slot: int, exchanges: Sequence[tuple[str, str]]
) -> float:
    """Mean KL(adapter || base) in nats per token of the base's replies, teacher-forced.

    `exchanges` are prompts that the adapter was not taught about, with what the base replies.
    """
    rows = [
        tokenise(base.renderer, [Message("user", prompt)], reply, base.context_length)
        for prompt, reply in exchanges
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
