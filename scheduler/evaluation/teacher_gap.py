"""How much of the way from the base to its teacher an adapter has gone, on unseen prompts."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from feedback.records import Message
from scheduler.fit.distillation import target, teacher_kl
from scheduler.fit.lessons import TeacherReply
from scheduler.fit.micro_batches import micro_batches


@dataclass(frozen=True, slots=True)
class TeacherGap:
    """Mean KL(teacher || model) in nats per token of the teacher's replies to unseen prompts.

    Of the base, of the candidate, and of the candidate with the user's memory in its prompt, as the
    teacher has it. `num_closer` counts the prompts on which the candidate is closer than the base.
    """

    num_unseen: int = 0
    num_closer: int = 0
    teacher_kl_base: float | None = None
    teacher_kl: float | None = None
    teacher_kl_with_memory: float | None = None


@torch.no_grad()
def measure_gap(
    base: BaseModel, pool: AdapterPool, slot: int, unseen: Sequence[TeacherReply]
) -> TeacherGap:
    """Measure a slot on the teacher's replies to unseen prompts."""
    if not unseen:
        return TeacherGap()
    plain = [each.messages for each in unseen]
    of_base = _divergences(base, pool, NO_ADAPTER, plain, unseen)
    own = _divergences(base, pool, slot, plain, unseen)
    with_memory = _divergences(base, pool, slot, [each.shown for each in unseen], unseen)
    return TeacherGap(
        len(unseen),
        sum(one < other for one, other in zip(own, of_base, strict=True)),
        *(sum(each) / len(each) for each in (of_base, own, with_memory)),
    )


def _divergences(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    prompts: Sequence[Sequence[Message]],
    replies: Sequence[TeacherReply],
) -> list[float]:
    found = [0.0] * len(replies)
    limit = base.context_length
    targets = {
        place: own
        for place, (messages, reply) in enumerate(zip(prompts, replies, strict=True))
        if (own := target(base.renderer, messages, reply, limit)) is not None
    }
    places = list(targets)
    with pool.use(slot):
        for group in micro_batches([len(targets[place].reply.ids) for place in places]):
            batch = [targets[places[i]] for i in group]
            values = torch.split(
                teacher_kl(base, batch), [each.reply.reply_tokens for each in batch]
            )
            for i, of_reply in zip(group, values, strict=True):
                found[places[i]] = of_reply.mean().item()
    return found
