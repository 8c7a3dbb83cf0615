"""Turns examples into padded tensors, in micro-batches of bounded size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import torch
from torch import Tensor

from adapters_store.base_model import Renderer
from feedback.records import Message, TrainingExample
from scheduler.records import TrainingConfig

MICRO_BATCH_TOKENS = 2048
MOST_PADDING = 1.5
FEW_DIVERGENCES = 3


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
    is_truncated: bool = False,
) -> TokenisedReply | None:
    """Render a prompt with its reply, cut at `max_tokens`; None where the prompt fills them."""
    ids, is_reply = renderer.example_ids(prompt, reply, is_truncated=is_truncated)
    reply_tokens = sum(is_reply[:max_tokens])
    return TokenisedReply(tuple(ids[:max_tokens]), (1.0,) * reply_tokens) if reply_tokens else None


def tokenise_target(
    renderer: Renderer, example: TrainingExample, config: TrainingConfig
) -> TokenisedReply | None:
    """An example's `reply`, cut at `config.max_tokens`; what a person changed counts more."""
    row = tokenise(
        renderer,
        example.prompt,
        example.reply,
        config.max_tokens,
        is_truncated=example.is_truncated,
    )
    if row is None:
        return None
    original = renderer.reply_ids(example.revised_from or example.reply)
    reply = row.ids[-row.reply_tokens :]
    weights = edit_weights(reply, original, config.edit_weight, config.divergence_weight)
    return replace(row, weights=tuple(weights))


def edit_weights(
    reply: Sequence[int], original: Sequence[int], edited: float, departure: float
) -> list[float]:
    """What each id of a reply counts: 1 where `original`, the reply that was corrected, has it too.

    What the person changed is what there is to learn, the rest is the model's own text. The first
    id of a changed stretch is where the model must leave its own way; the others, `edited`, follow
    from that one. Where a reply shows it once, as a closing after one of several sentences, who
    learns just how often it comes never comes to it when decoding greedily. So up to
    `FEW_DIVERGENCES` first ids count `departure` each; more of them share what that comes to, but
    none counts less than `edited`. Both texts have their end: elsewhere than in the original it is
    a departure, too, that shares in nothing.
    """
    is_kept = [False] * len(reply)
    ends_elsewhere = False
    for block in SequenceMatcher(None, original, reply, autojunk=False).get_matching_blocks():
        is_end_alone = block.size == 1 < len(original) == block.a + 1
        ends_elsewhere |= is_end_alone
        if not is_end_alone:
            is_kept[block.b : block.b + block.size] = [True] * block.size
    departs = [not kept and before for kept, before in zip(is_kept, [True, *is_kept], strict=False)]
    first = max(edited, departure * min(1.0, FEW_DIVERGENCES / max(1, sum(departs))))
    weights = [
        1.0 if kept else first if is_first else edited
        for kept, is_first in zip(is_kept, departs, strict=True)
    ]
    if ends_elsewhere:
        weights[-1] = first
    return weights


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

    Rows of like length go together, none that is longer than `MOST_PADDING` times the shortest.
    """
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        is_full = lengths[index] * (len(group) + 1) > limit
        if group and (is_full or lengths[index] > MOST_PADDING * lengths[group[0]]):
            yield group
            group = []
        group.append(index)
    if group:
        yield group
