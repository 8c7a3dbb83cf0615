"""Self-distillation: the adapter learns what the base says with more in its prompt.

Forward KL on the teacher's likeliest tokens (SDFT, arXiv 2601.19897, with a frozen teacher), on
texts that the teacher has written once. What the user wrote is not fitted: beside so few texts the
adapter recites them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Cache

from adapters_store.base_model import BaseModel, Renderer
from feedback.records import Message
from scheduler.fit.batching import TokenisedReply, collate
from scheduler.fit.lessons import TeacherReply
from scheduler.fit.losses import reply_states
from scheduler.fit.passes import Pass, ReadUnits, StepLoss, Steps
from scheduler.fit.vocabulary import States, teacher_divergences


@dataclass(frozen=True, slots=True)
class Target:
    """A conversation that ends with the teacher's reply, and the teacher's top tokens."""

    reply: TokenisedReply
    top: tuple[tuple[tuple[int, float], ...], ...]


def target(
    renderer: Renderer, messages: Sequence[Message], reply: TeacherReply, max_tokens: int
) -> Target | None:
    """`messages` with the teacher's reply, cut at `max_tokens`; None if no reply token is left."""
    prompt = renderer.prompt_ids(messages)
    room = max(0, max_tokens - len(prompt))
    ids = reply.ids[:room]
    if not ids:
        return None
    return Target(TokenisedReply((*prompt, *ids), (1.0,) * len(ids)), reply.top[:room])


def distillation_step(base: BaseModel, slot: int, targets: Sequence[Target]) -> Steps[StepLoss]:
    """Gradients of the divergence from the teacher, mean over the targets' tokens; returns it."""
    loss = StepLoss(has_gradients=True)
    total = sum(each.reply.reply_tokens for each in targets)

    def objective(read: ReadUnits) -> Tensor:
        share = teacher_kl_of(base, [targets[i] for i in read.units], read.states).sum() / total
        loss.value += share.item()
        return share

    yield Pass(slot, [(each.reply,) for each in targets], objective)
    return loss


def teacher_kl(base: BaseModel, targets: Sequence[Target], past: Cache | None = None) -> Tensor:
    """KL(teacher || student) of every target token, float32 [tokens], with the slots in use.

    `past` as in `read_states`.
    """
    batch = collate([each.reply for each in targets], base.device)
    return teacher_kl_of(base, targets, reply_states(base, batch, past))


def teacher_kl_of(base: BaseModel, targets: Sequence[Target], states: States) -> Tensor:
    """`teacher_kl` from the states that predict the targets' tokens."""
    places = [place for each in targets for place in each.top]
    width = min(map(len, places))
    ids = torch.tensor([[token for token, _ in place[:width]] for place in places])
    values = torch.tensor([[value for _, value in place[:width]] for place in places])
    return teacher_divergences(base, states, ids.to(base.device), values.to(base.device))
