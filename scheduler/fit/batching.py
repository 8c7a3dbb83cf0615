"""Turns examples into padded tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import torch
from torch import Tensor

from adapters_store.base_model import Renderer
from feedback.records import Message, TrainingExample
from scheduler.records import TrainingConfig

FEW_DIVERGENCES = 3


@dataclass(frozen=True, slots=True)
class TokenisedReply:
    """A rendered conversation that ends with a reply, and one weight per reply token."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]

    @property
    def reply_tokens(self) -> int:
        """How many of the last ids are the reply's."""
        return len(self.weights)


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded tensors, all [rows, tokens].

    `ids` are int64, `attention` and `is_reply` bool; `weights` are float32, zero outside replies.
    """

    ids: Tensor
    attention: Tensor
    is_reply: Tensor
    weights: Tensor

    def rows(self, part: slice) -> "Batch":
        """Some of the rows, still padded to the longest of all."""
        return Batch(self.ids[part], self.attention[part], self.is_reply[part], self.weights[part])


def tokenise(
    renderer: Renderer,
    messages: Sequence[Message],
    reply: str,
    max_tokens: int,
    *,
    is_truncated: bool = False,
) -> TokenisedReply | None:
    """Render a conversation with its reply, cut at `max_tokens`; None if no reply token is left."""
    ids, is_reply = renderer.example_ids(messages, reply, is_truncated=is_truncated)
    reply_tokens = sum(is_reply[:max_tokens])
    return TokenisedReply(tuple(ids[:max_tokens]), (1.0,) * reply_tokens) if reply_tokens else None


def tokenise_target(
    renderer: Renderer, example: TrainingExample, config: TrainingConfig
) -> TokenisedReply | None:
    """Tokenise an example's `reply`, cut at `config.max_tokens`, with its `edit_weights`."""
    messages, reply, limit = example.messages, example.reply, config.max_tokens
    tokenised = tokenise(renderer, messages, reply, limit, is_truncated=example.is_truncated)
    if tokenised is None:
        return None
    original = renderer.reply_ids(example.revised_from or reply)
    ids = tokenised.ids[-tokenised.reply_tokens :]
    weights = edit_weights(ids, original, config.edit_weight, config.divergence_weight)
    return replace(tokenised, weights=tuple(weights))


def edit_weights(
    reply: Sequence[int], original: Sequence[int], edited: float, divergence: float
) -> list[float]:
    """The weight of each id of a reply that corrects `original`.

    - Ids that `original` has, too, count 1: they are the model's own text.
    - The first id of a changed stretch counts `divergence`: there the model must leave its own way.
      A model that learns only how often a rare divergence occurs, as a closing after one of several
      sentences, never reaches it in greedy decoding. If there are more than `FEW_DIVERGENCES`, they
      share the weight of that many, but none counts less than `edited`.
    - The other ids of a changed stretch count `edited`: they follow from the first.
    - An end where `original` goes on is a divergence, too, but is not counted among them.
    """
    is_unchanged = [False] * len(reply)
    ends_elsewhere = False
    for block in SequenceMatcher(None, original, reply, autojunk=False).get_matching_blocks():
        is_end_alone = block.size == 1 < len(original) == block.a + 1
        ends_elsewhere |= is_end_alone
        if not is_end_alone:
            is_unchanged[block.b : block.b + block.size] = [True] * block.size
    before = [True, *is_unchanged]
    diverges = [was and not same for was, same in zip(before, is_unchanged, strict=False)]
    first = max(edited, divergence * min(1.0, FEW_DIVERGENCES / max(1, sum(diverges))))
    weights = [
        1.0 if same else first if is_first else edited
        for same, is_first in zip(is_unchanged, diverges, strict=True)
    ]
    if ends_elsewhere:
        weights[-1] = first
    return weights


def collate(replies: Sequence[TokenisedReply], device: torch.device) -> Batch:
    """Pad conversations to one length."""
    shape = len(replies), max(len(each.ids) for each in replies)
    ids = torch.zeros(shape, dtype=torch.long)
    attention, is_reply = (torch.zeros(shape, dtype=torch.bool) for _ in range(2))
    weights = torch.zeros(shape)
    for i, each in enumerate(replies):
        end = len(each.ids)
        start = end - each.reply_tokens
        ids[i, :end] = torch.tensor(each.ids)
        attention[i, :end] = True
        is_reply[i, start:end] = True
        weights[i, start:end] = torch.tensor(each.weights)
    return Batch(ids.to(device), attention.to(device), is_reply.to(device), weights.to(device))
