"""Turns examples into padded tensors, in micro-batches of bounded size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from adapters_store.base_model import Renderer
from feedback.records import Message

MICRO_BATCH_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class TokenisedReply:
    """A rendered conversation, of which the last `reply_tokens` ids are the reply.

    `weight` is how much each reply token counts.
    """

    ids: tuple[int, ...]
    reply_tokens: int
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded rows: `ids` [rows, tokens] int64; `attention` and `is_reply` the same, bool;
    `weights` [rows] float32."""

    ids: Tensor
    attention: Tensor
    is_reply: Tensor
    weights: Tensor


def tokenise(
    renderer: Renderer,
    prompt: Sequence[Message],
    reply: str,
    max_tokens: int,
    weight: float = 1.0,
) -> TokenisedReply | None:
    """Render a prompt with its reply, cut at `max_tokens`; None where the prompt fills them."""
    ids, is_reply = renderer.example_ids(prompt, reply)
    ids = ids[:max_tokens]
    reply_tokens = sum(is_reply[:max_tokens])
    return TokenisedReply(tuple(ids), reply_tokens, weight) if reply_tokens else None


def collate(rows: Sequence[TokenisedReply], device: torch.device) -> Batch:
    """Pad rows to one length."""
    length = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    attention = torch.zeros(len(rows), length, dtype=torch.bool)
    is_reply = torch.zeros(len(rows), length, dtype=torch.bool)
    for i, row in enumerate(rows):
        end = len(row.ids)
        ids[i, :end] = torch.tensor(row.ids)
        attention[i, :end] = True
        is_reply[i, end - row.reply_tokens : end] = True
    weights = torch.tensor([row.weight for row in rows])
    return Batch(ids.to(device), attention.to(device), is_reply.to(device), weights.to(device))


def micro_batches(lengths: Sequence[int], limit: int = MICRO_BATCH_TOKENS) -> Iterator[list[int]]:
    """Group indices of rows so that no group, padded, is over `limit` tokens; long rows go alone.

    Rows of like length go together, so little is padding.
    """
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if group and lengths[index] * (len(group) + 1) > limit:
            yield group
            group = []
        group.append(index)
    if group:
        yield group
