"""Turns examples into padded tensors, in micro-batches of bounded size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import torch
from torch import Tensor

from adapters_store.base_model import Renderer
from feedback.records import Message, TrainingExample

MICRO_BATCH_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class TokenisedReply:
    """A rendered conversation, of which the last ids are the reply.

    `weights` has one number per reply token: how much it counts.
    """

    ids: tuple[int, ...]
    weights: tuple[float, ...]

    @property
    def reply_tokens(self) -> int:
        """How many of the ids are the reply's."""
        return len(self.weights)


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded rows, all [rows, tokens]: `ids` int64; `attention` and `is_reply` bool;
    `weights` float32, zero where there is no reply."""

    ids: Tensor
    attention: Tensor
    is_reply: Tensor
    weights: Tensor


def tokenise(
    renderer: Renderer,
    prompt: Sequence[Message],
    reply: str,
    max_tokens: int,
    *,
    is_cut: bool = False,
) -> TokenisedReply | None:
    """Render a prompt with its reply, cut at `max_tokens`; None where the prompt fills them."""
    ids, is_reply = renderer.example_ids(prompt, reply, is_cut=is_cut)
    reply_tokens = sum(is_reply[:max_tokens])
    return TokenisedReply(tuple(ids[:max_tokens]), (1.0,) * reply_tokens) if reply_tokens else None


def tokenise_target(
    renderer: Renderer, example: TrainingExample, max_tokens: int, edit_weight: float
) -> TokenisedReply | None:
    """An example's `reply`; the tokens that a person changed count `edit_weight` times."""
    row = tokenise(renderer, example.prompt, example.reply, max_tokens, is_cut=example.is_cut)
    if row is None:
        return None
    original = renderer.reply_ids(example.revised_from or example.reply)
    return weigh(row, original, example.weight, edit_weight)


def weigh(
    row: TokenisedReply, original: Sequence[int], weight: float, edited: float
) -> TokenisedReply:
    """Let every reply token count `weight`, and those that `original` has not `edited` times that.

    `original` are the ids of the reply that was corrected, with its end; what the person changed is
    what there is to learn, the rest is the model's own text.
    """
    reply = row.ids[-row.reply_tokens :]
    weights = [weight * edited] * len(reply)
    for block in SequenceMatcher(None, original, reply, autojunk=False).get_matching_blocks():
        # To end where the original went on is a change, though both have an end.
        is_other_end = block.size == 1 < len(original) == block.a + 1
        if not is_other_end:
            weights[block.b : block.b + block.size] = [weight] * block.size
    return replace(row, weights=tuple(weights))


def collate(rows: Sequence[TokenisedReply], device: torch.device) -> Batch:
    """Pad rows to one length."""
    length = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    attention = torch.zeros(len(rows), length, dtype=torch.bool)
    is_reply = torch.zeros(len(rows), length, dtype=torch.bool)
    weights = torch.zeros(len(rows), length)
    for i, row in enumerate(rows):
        end = len(row.ids)
        ids[i, :end] = torch.tensor(row.ids)
        attention[i, :end] = True
        is_reply[i, end - row.reply_tokens : end] = True
        weights[i, end - row.reply_tokens : end] = torch.tensor(row.weights)
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
