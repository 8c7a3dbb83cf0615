"""Measures adapters: preference loss on held-out examples, drift from the base."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, log
from statistics import median

import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from feedback.records import ExampleKind, Message, TrainingExample
from scheduler.fit.batching import Batch, TokenisedReply, collate, tokenise
from scheduler.fit.losses import (
    apo_zero_losses,
    dpo_losses,
    kl_from_base,
    log_ratios,
    mean_per_token,
    reply_log_probs,
)
from scheduler.fit.micro_batches import micro_batches
from scheduler.records import TrainingConfig

TRIMMED_SHARE = 0.05
"""JSON's wrapping makes half of the mean of an adapter that keeps to what the base says."""

CHANCE_LOSS_OF_ONE = 0.5
"""The APO-zero loss of a reply that is as likely as under the base."""


@dataclass(frozen=True, slots=True)
class PreferenceScore:
    """The preference loss of one example, by log-ratios per token, and whether it is a win by sums.

    Means ignore the length. Sums see little else if all replies of the base became less likely. A
    single reply has no other length to compare with: it wins by both or by none.
    """

    loss: float
    wins_by_sum: bool


@dataclass(frozen=True, slots=True)
class _Ratio:
    """The log-ratio of a reply to the base: the mean in nats per token, and the tokens."""

    mean: float
    tokens: int

    @property
    def sum(self) -> float:
        return self.mean * self.tokens


@torch.no_grad()
def score_preferences(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    examples: Sequence[TrainingExample],
    config: TrainingConfig,
) -> list[PreferenceScore | None]:
    """Score a slot on each example; None if a reply is too long.

    A pair of replies, such as a correction and its original, has DPO's loss. A single rated reply
    has APO-zero's, relative to the median log-ratio of the worse replies (for a like) or the better
    ones (for a dislike): a habit makes all replies of the base less likely, also the liked ones.
    """

    def ratios(replies: Sequence[str | None]) -> list[_Ratio | None]:
        rows = _tokenised(
            base, examples, [e.messages for e in examples], replies, config.max_tokens
        )
        with pool.use(slot):
            means = _measure(rows, lambda batch: log_ratios(base, pool, batch)[0], base.device)
        return _ratios(means, rows)

    return _scores(examples, config.dpo_beta, ratios)


@torch.no_grad()
def score_preferences_few_shot(
    base: BaseModel,
    pool: AdapterPool,
    examples: Sequence[TrainingExample],
    messages: Sequence[Sequence[Message]],
    config: TrainingConfig,
) -> list[PreferenceScore | None]:
    """Score the base with `messages`, the examples' own with few-shot examples in them, as
    `score_preferences` does: by log-ratios to the base without."""

    def ratios(replies: Sequence[str | None]) -> list[_Ratio | None]:
        shown, plain = (
            _tokenised(base, examples, each, replies, base.context_length)
            for each in (messages, [e.messages for e in examples])
        )
        with_examples, without = (
            _mean_log_probs(base, pool, NO_ADAPTER, rows) for rows in (shown, plain)
        )
        means = [
            None if one is None or other is None else one - other
            for one, other in zip(with_examples, without, strict=True)
        ]
        return _ratios(means, plain)

    return _scores(examples, config.dpo_beta, ratios)


def _tokenised(
    base: BaseModel,
    examples: Sequence[TrainingExample],
    messages: Sequence[Sequence[Message]],
    replies: Sequence[str | None],
    max_tokens: int,
) -> list[TokenisedReply | None]:
    return [
        None
        if reply is None
        else tokenise(base.renderer, turns, reply, max_tokens, is_truncated=example.is_truncated)
        for example, turns, reply in zip(examples, messages, replies, strict=True)
    ]


def _ratios(
    means: Sequence[float | None], rows: Sequence[TokenisedReply | None]
) -> list[_Ratio | None]:
    return [
        None if mean is None or row is None else _Ratio(mean, row.reply_tokens)
        for mean, row in zip(means, rows, strict=True)
    ]


def _scores(
    examples: Sequence[TrainingExample],
    beta: float,
    ratios: Callable[[Sequence[str | None]], list[_Ratio | None]],
) -> list[PreferenceScore | None]:
    """The score of each example from the log-ratios of its reply and of the rejected one."""
    rejected = [_rejected(example) for example in examples]
    own_ratios = ratios([example.reply for example in examples])
    other_ratios = ratios(rejected)
    is_worse = [example.kind is ExampleKind.UNDESIRABLE for example in examples]
    of_better = _median(own for own, worse in zip(own_ratios, is_worse, strict=True) if not worse)
    of_worse = _median(
        [*other_ratios, *(own for own, worse in zip(own_ratios, is_worse, strict=True) if worse)]
    )
    found: list[PreferenceScore | None] = []
    columns = zip(rejected, own_ratios, other_ratios, is_worse, strict=True)
    for worse_reply, own, other, worse in columns:
        if own is None or (worse_reply is not None and other is None):
            found.append(None)
        elif other is not None:
            better_mean, worse_mean, no_flip = torch.tensor([[own.mean], [other.mean], [0.0]])
            loss = dpo_losses(better_mean, worse_mean, beta, no_flip).item()
            found.append(PreferenceScore(loss, wins_by_sum=own.sum > other.sum))
        else:
            relative = torch.tensor([own.mean - (of_better if worse else of_worse)])
            loss = apo_zero_losses(relative, beta, torch.tensor([not worse])).item()
            found.append(PreferenceScore(loss, wins_by_sum=loss < CHANCE_LOSS_OF_ONE))
    return found


def _median(ratios: Iterable[_Ratio | None]) -> float:
    """The median of the known log-ratios; 0, as for the base, if there are none."""
    return median([each.mean for each in ratios if each is not None] or [0.0])


def chance_loss(example: TrainingExample) -> float:
    """The preference loss of the base, and of a slot that changes nothing."""
    return CHANCE_LOSS_OF_ONE if _rejected(example) is None else log(2)


def comparisons(examples: Sequence[TrainingExample], is_better: Sequence[bool]) -> list[bool]:
    """The independent comparisons for a sign test; `is_better` says which examples are wins.

    One for each pair of replies, and one for each like with a dislike: their losses depend on each
    other, so one outlier would win for all of them. Likes alone count one by one.
    """
    choices: list[bool] = []
    likes: list[bool] = []
    dislikes: list[bool] = []
    for example, better in zip(examples, is_better, strict=True):
        if _rejected(example) is not None:
            choices.append(better)
        elif example.kind is ExampleKind.UNDESIRABLE:
            dislikes.append(better)
        else:
            likes.append(better)
    if likes and dislikes:
        pairs = zip(likes, dislikes, strict=False)
        return [*choices, *(like and dislike for like, dislike in pairs)]
    return [*choices, *likes, *dislikes]


def _rejected(example: TrainingExample) -> str | None:
    """The reply that is worse than the example's own, if there is one."""
    return example.rejected if example.kind is ExampleKind.DPO else example.revised_from


@torch.no_grad()
def reply_losses(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    examples: Sequence[TrainingExample],
    max_tokens: int,
) -> list[float | None]:
    """The mean loss of the examples' replies in nats per token; None if too long."""
    messages, replies = [e.messages for e in examples], [e.reply for e in examples]
    rows = _tokenised(base, examples, messages, replies, max_tokens)
    found = _mean_log_probs(base, pool, slot, rows)
    return [None if each is None else -each for each in found]


def _mean_log_probs(
    base: BaseModel, pool: AdapterPool, slot: int, rows: Sequence[TokenisedReply | None]
) -> list[float | None]:
    with pool.use(slot):
        return _measure(
            rows, lambda batch: mean_per_token(reply_log_probs(base, batch), batch), base.device
        )


def _measure(
    rows: Sequence[TokenisedReply | None], measure: Callable[[Batch], Tensor], device: torch.device
) -> list[float | None]:
    """One number per row: `measure` gives one for each row of a batch."""
    present = {place: row for place, row in enumerate(rows) if row is not None}
    places = list(present)
    values: list[float | None] = [None] * len(rows)
    for group in micro_batches([len(row.ids) for row in present.values()]):
        batch = collate([present[places[i]] for i in group], device)
        for i, value in zip(group, measure(batch).tolist(), strict=True):
            values[places[i]] = value
    return values


@torch.no_grad()
def measure_reference_kl(
    base: BaseModel, pool: AdapterPool, slot: int, exchanges: Sequence[tuple[str, str]]
) -> float:
    """Trimmed mean KL(adapter || base) in nats per token of the base's replies, teacher-forced.

    `exchanges` are unrelated prompts with the base's replies. The `TRIMMED_SHARE` of the tokens
    that diverge most do not count: a wanted form has a few that the base would never write.
    """
    rows = [
        tokenise(base.renderer, [Message("user", prompt)], reply, base.context_length)
        for prompt, reply in exchanges
    ]
    fitting = [row for row in rows if row]
    found = [torch.zeros(0)]
    for group in micro_batches([len(row.ids) for row in fitting]):
        batch = collate([fitting[i] for i in group], base.device)
        with pool.use(slot):
            found.append(kl_from_base(base, pool, batch).cpu())
    by_size = torch.cat(found).sort().values
    counted = by_size[: ceil((1 - TRIMMED_SHARE) * len(by_size))]
    return counted.mean().item() if len(counted) else 0.0
