"""Measures adapters: loss on judgements, drift from the base. Decides nothing."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import ExampleKind, Message, TrainingExample
from scheduler.records import TrainingConfig
from scheduler.trainers.batches import (
    Batch,
    TokenisedReply,
    collate,
    micro_batches,
    tokenise,
    tokenise_target,
)
from scheduler.trainers.losses import apo_zero_losses, kl_from_base, log_ratios, reply_log_probs


@torch.no_grad()
def example_losses(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    examples: Sequence[TrainingExample],
    config: TrainingConfig,
) -> list[float | None]:
    """The loss of the reply that each example is about, lower is better; None where it is too long.

    Of a reply to learn, mean nats per token; tokens that a person changed count
    `config.edit_weight` times. Of a disliked one, APO-zero as in training: 0.5 for the base, and
    never below 0, so that no ruin of such replies outweighs the others.
    """
    rows = [
        tokenise_target(base.renderer, example, config.max_tokens, config.edit_weight)
        for example in examples
    ]

    def to_learn(batch: Batch) -> Tensor:
        log_probs = reply_log_probs(base, batch)
        weights = batch.weights[:, -log_probs.shape[1] :]
        return -(weights * log_probs).sum(dim=1) / weights.sum(dim=1)

    def disliked(batch: Batch) -> Tensor:
        ratios, _ = log_ratios(base, pool, batch)
        return apo_zero_losses(ratios, config.dpo_beta, torch.zeros_like(ratios, dtype=torch.bool))

    losses: list[float | None] = [None] * len(examples)
    is_disliked = [example.kind is ExampleKind.UNDESIRABLE for example in examples]
    with pool.use(slot):
        for measure, kind in ((to_learn, False), (disliked, True)):
            chosen = {i: row for i, row in enumerate(rows) if row and is_disliked[i] is kind}
            measured = _measure(list(chosen.values()), measure, base.device)
            for i, loss in zip(chosen, measured, strict=True):
                losses[i] = loss
    return losses


def _measure(
    rows: Sequence[TokenisedReply], measure: Callable[[Batch], Tensor], device: torch.device
) -> list[float]:
    """`measure` gives one number per row of a batch."""
    losses = [0.0] * len(rows)
    for group in micro_batches([len(row.ids) for row in rows]):
        batch = collate([rows[i] for i in group], device)
        for i, loss in zip(group, measure(batch).tolist(), strict=True):
            losses[i] = loss
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
        size = int(batch.is_reply.sum())
        with pool.use(slot):
            total += kl_from_base(base, pool, batch).item() * size
        tokens += size
    return total / max(tokens, 1)
