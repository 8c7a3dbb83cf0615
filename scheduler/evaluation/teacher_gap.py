"""How much of the way from the base to its teacher an adapter has gone, on unseen prompts."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import takewhile

import torch
from transformers import Cache, DynamicCache

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from feedback.records import Message
from scheduler.fit.batching import TokenisedReply
from scheduler.fit.distillation import Target, target, teacher_kl
from scheduler.fit.lessons import TeacherReply
from scheduler.fit.micro_batches import micro_batches


@dataclass(frozen=True, slots=True)
class TeacherGap:
    """Mean KL(teacher || model) in nats per token of the teacher's replies to unseen prompts.

    Of the base and of the candidate; and `later`, after another exchange and with the user's memory
    in the prompt, of the base and of the candidate. `num_closer` counts the prompts on which the
    candidate is closer than the base, `num_closer_later` those where it is closer later.
    """

    num_unseen: int = 0
    num_closer: int = 0
    num_closer_later: int = 0
    teacher_kl_base: float | None = None
    teacher_kl: float | None = None
    teacher_kl_base_later: float | None = None
    teacher_kl_later: float | None = None


@torch.no_grad()
def measure_gap(
    base: BaseModel, pool: AdapterPool, slot: int, unseen: Sequence[TeacherReply]
) -> TeacherGap:
    """Measure a slot on the teacher's replies to unseen prompts."""
    if not unseen:
        return TeacherGap()
    plain, later = [each.messages for each in unseen], [each.later for each in unseen]
    of_base, own, of_base_later, own_later = (
        _divergences(base, pool, by, prompts, unseen)
        for prompts in (plain, later)
        for by in (NO_ADAPTER, slot)
    )
    return TeacherGap(
        len(unseen),
        _num_lower(own, of_base),
        _num_lower(own_later, of_base_later),
        *(sum(each) / len(each) for each in (of_base, own, of_base_later, own_later)),
    )


def _num_lower(values: Sequence[float], than: Sequence[float]) -> int:
    return sum(one < other for one, other in zip(values, than, strict=True))


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
    shared = shared_start([each.reply for each in targets.values()])
    places, rest = list(targets), [_after(len(shared), each) for each in targets.values()]
    with pool.use(slot):
        start = _read(base, shared)
        for group in micro_batches([len(shared) + len(each.reply.ids) for each in rest]):
            batch, past = [rest[i] for i in group], deepcopy(start)
            past.batch_repeat_interleave(len(batch))
            values = torch.split(
                teacher_kl(base, batch, past), [each.reply.reply_tokens for each in batch]
            )
            for i, of_reply in zip(group, values, strict=True):
                found[places[i]] = of_reply.mean().item()
    return found


def shared_start(conversations: Sequence[TokenisedReply]) -> tuple[int, ...]:
    """The ids that all begin with, such as a user's memory, without the last of any prompt.

    That one predicts the first token of the reply. Pure.
    """
    shortest = min((len(each.ids) - each.reply_tokens for each in conversations), default=1)
    columns = zip(*(each.ids[: shortest - 1] for each in conversations), strict=True)
    return tuple(ids[0] for ids in takewhile(lambda ids: len(set(ids)) == 1, columns))


def _after(length: int, each: Target) -> Target:
    return replace(each, reply=replace(each.reply, ids=each.reply.ids[length:]))


def _read(base: BaseModel, ids: Sequence[int]) -> Cache:
    """The keys and values of one row of ids: they are the same in all rows."""
    past = DynamicCache(config=base.model.config)
    if ids:
        row = torch.tensor([ids], device=base.device)
        base.model.base_model(input_ids=row, past_key_values=past, use_cache=True)
    return past
