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
    """A rendered conversation that ends with a reply, and one weight per reply token.

    `is_kept` says of each reply token whether a correction kept it; it is empty without correction.
    """

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    is_kept: tuple[bool, ...] = ()

    @property
    def reply_tokens(self) -> int:
        """How many of the last ids are the reply's."""
        return len(self.weights)


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded tensors, all [rows, tokens].

    `ids` are int64, `attention`, `is_reply` and `is_kept` bool; `weights` are float32. Outside
    replies the last three are zero.
    """

    ids: Tensor
    attention: Tensor
    is_reply: Tensor
    weights: Tensor
    is_kept: Tensor

    def rows(self, part: slice) -> "Batch":
        """Some of the rows, still padded to the longest of all."""
        columns = (self.ids, self.attention, self.is_reply, self.weights, self.is_kept)
        return Batch(*(column[part] for column in columns))


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
    """Tokenise an example's `reply`, cut at `config.max_tokens`, with the weights of its tokens.

    What a correction kept is known if the example says what it corrects.
    """
    messages, reply, limit = example.messages, example.reply, config.max_tokens
    tokenised = tokenise(renderer, messages, reply, limit, is_truncated=example.is_truncated)
    if tokenised is None:
        return None
    original = renderer.reply_ids(example.revised_from or reply)
    ids = tokenised.ids[-tokenised.reply_tokens :]
    weights, is_kept = compare_with_original(
        ids, original, config.edit_weight, config.divergence_weight
    )
    known = () if example.revised_from is None else tuple(is_kept)
    return replace(tokenised, weights=tuple(weights), is_kept=known)


def compare_with_original(
    reply: Sequence[int], original: Sequence[int], edited: float, divergence: float
) -> tuple[list[float], list[bool]]:
    """The weight of each id of a reply that corrects `original`, and whether it was kept.

    Kept are ids of `original`, but not the first one after a deletion: the model would go on there.

    - Ids that `original` has, too, count 1: they are the model's own text.
    - The first id of a changed stretch counts `divergence`: there the model must leave its own way.
      A model that learns only how often a rare divergence occurs, as a closing after one of several
      sentences, never reaches it in greedy decoding. If there are more than `FEW_DIVERGENCES`, they
      share the weight of that many, but none counts less than `edited`.
    - The other ids of a changed stretch count `edited`: they follow from the first.
    - An end where `original` goes on is a divergence, too, but is not counted among them.
    """
    is_unchanged = [False] * len(reply)
    after_deletion: set[int] = set()
    ends_elsewhere, end = False, (0, 0)
    for block in SequenceMatcher(None, original, reply, autojunk=False).get_matching_blocks():
        is_end_alone = block.size == 1 < len(original) == block.a + 1
        ends_elsewhere |= is_end_alone
        if not is_end_alone:
            is_unchanged[block.b : block.b + block.size] = [True] * block.size
        if block.b == end[1] and block.a > end[0]:
            after_deletion.add(block.b)
        end = block.a + block.size, block.b + block.size
    before = [True, *is_unchanged]
    diverges = [was and not same for was, same in zip(before, is_unchanged, strict=False)]
    first = max(edited, divergence * min(1.0, FEW_DIVERGENCES / max(1, sum(diverges))))
    weights = [
        1.0 if same else first if is_first else edited
        for same, is_first in zip(is_unchanged, diverges, strict=True)
    ]
    if ends_elsewhere:
        weights[-1] = first
    is_kept = [same and i not in after_deletion for i, same in enumerate(is_unchanged)]
    return weights, is_kept


def collate(replies: Sequence[TokenisedReply], device: torch.device) -> Batch:
    """Pad conversations to one length."""
    shape = len(replies), max(len(each.ids) for each in replies)
    ids = torch.zeros(shape, dtype=torch.long)
    attention, is_reply, is_kept = (torch.zeros(shape, dtype=torch.bool) for _ in range(3))
    weights = torch.zeros(shape)
    for i, each in enumerate(replies):
        end = len(each.ids)
        start = end - each.reply_tokens
        ids[i, :end] = torch.tensor(each.ids)
        attention[i, :end] = True
        is_reply[i, start:end] = True
        weights[i, start:end] = torch.tensor(each.weights)
        if each.is_kept:
            is_kept[i, start:end] = torch.tensor(each.is_kept)
    columns = (ids, attention, is_reply, weights, is_kept)
    return Batch(*(column.to(device) for column in columns))
