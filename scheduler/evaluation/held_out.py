"""Measures adapters: agreement with judgements, drift from the base. Decides nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log
from statistics import median

import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from feedback.records import ExampleKind, Message, TrainingExample
from scheduler.fit.batching import Batch, TokenisedReply, collate, micro_batches, tokenise
from scheduler.fit.losses import (
    apo_zero_losses,
    dpo_losses,
    kl_from_base,
    log_ratios,
    mean_per_token,
    reply_log_probs,
)
from scheduler.records import TrainingConfig

CHANCE_LOSS_OF_ONE = 0.5
"""APO-zero of a reply that is as likely as the base has it."""


@dataclass(frozen=True, slots=True)
class PreferenceScore:
    """What a model makes of a judgement: its loss, of log-ratios that are means per token, and
    whether it is a win by their sums, too.

    Means do not see that a reply is shorter, sums hardly anything else where all that the base
    wrote became less likely. A lone reply has no other length to be compared with.
    """

    loss: float
    wins_by_sum: bool


@dataclass(frozen=True, slots=True)
class _Ratio:
    """A reply's log-ratio to the base: its mean per token, in nats, and the tokens."""

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
    """How much a slot agrees with each judgement; None where a reply is too long.

    Where one reply is better than another, as a correction is than what it corrects, the loss of
    DPO: both may become less likely, if only the worse one does so more. Where a single reply was
    liked or disliked, that of APO-zero, beside what became of replies on the other side: a habit
    makes all that the base wrote less likely, the liked replies, too.
    """

    def ratios(replies: Sequence[str | None]) -> list[_Ratio | None]:
        rows = _tokenised(base, examples, [e.prompt for e in examples], replies, config.max_tokens)
        with pool.use(slot):
            means = _measure(rows, lambda batch: log_ratios(base, pool, batch)[0], base.device)
        return _ratios(means, rows)

    return _scores(examples, config.dpo_beta, ratios)


@torch.no_grad()
def score_preferences_few_shot(
    base: BaseModel,
    pool: AdapterPool,
    examples: Sequence[TrainingExample],
    remembered: Sequence[Sequence[Message]],
    config: TrainingConfig,
) -> list[PreferenceScore | None]:
    """The `score_preferences` of the base that reads each example's prompt as it is `remembered`: the same
    log-ratios, of the base with memory to the base without."""

    def ratios(replies: Sequence[str | None]) -> list[_Ratio | None]:
        shown, plain = (
            _tokenised(base, examples, prompts, replies, base.context_length)
            for prompts in (remembered, [e.prompt for e in examples])
        )
        with_memory, without = (
            _mean_log_probs(base, pool, NO_ADAPTER, rows) for rows in (shown, plain)
        )
        means = [
            None if one is None or other is None else one - other
            for one, other in zip(with_memory, without, strict=True)
        ]
        return _ratios(means, plain)

    return _scores(examples, config.dpo_beta, ratios)


def _tokenised(
    base: BaseModel,
    examples: Sequence[TrainingExample],
    prompts: Sequence[Sequence[Message]],
    replies: Sequence[str | None],
    max_tokens: int,
) -> list[TokenisedReply | None]:
    return [
        None
        if reply is None
        else tokenise(base.renderer, prompt, reply, max_tokens, is_truncated=example.is_truncated)
        for example, prompt, reply in zip(examples, prompts, replies, strict=True)
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
    """Of each judgement, from the log-ratios of its reply and of the rival."""
    rivals = [_rejected(example) for example in examples]
    judged, others = ratios([example.reply for example in examples]), ratios(rivals)
    is_worse = [example.kind is ExampleKind.UNDESIRABLE for example in examples]
    of_better = _median(own for own, worse in zip(judged, is_worse, strict=True) if not worse)
    of_worse = _median(
        [*others, *(own for own, worse in zip(judged, is_worse, strict=True) if worse)]
    )
    found: list[PreferenceScore | None] = []
    for rival, own, other, worse in zip(rivals, judged, others, is_worse, strict=True):
        if own is None or (rival is not None and other is None):
            found.append(None)
        elif other is not None:
            chosen, rejected, no_flip = torch.tensor([[own.mean], [other.mean], [0.0]])
            loss = dpo_losses(chosen, rejected, beta, no_flip).item()
            found.append(PreferenceScore(loss, wins_by_sum=own.sum > other.sum))
        else:
            beside = torch.tensor([own.mean - (of_better if worse else of_worse)])
            loss = apo_zero_losses(beside, beta, torch.tensor([not worse])).item()
            found.append(PreferenceScore(loss, wins_by_sum=loss < CHANCE_LOSS_OF_ONE))
    return found


def _median(ratios: Iterable[_Ratio | None]) -> float:
    """The median of the log-ratios that there are; 0, which is the base's, where there are none."""
    return median([each.mean for each in ratios if each is not None] or [0.0])


def chance_loss(example: TrainingExample) -> float:
    """The loss of the base, and of any slot that changes nothing."""
    return CHANCE_LOSS_OF_ONE if _rejected(example) is None else log(2)


def comparisons(examples: Sequence[TrainingExample], is_better: Sequence[bool]) -> list[bool]:
    """What a sign test may count of judgements on which a slot does better than the base or not.

    One for each choice between two replies, and one for each pair of a lone like and a lone
    dislike: those have their losses from each other, so a single one that stands apart would win
    for all of them.
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
    """The reply that the example's own one is better than."""
    return example.rejected if example.kind is ExampleKind.DPO else example.revised_from


@torch.no_grad()
def reply_losses(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    examples: Sequence[TrainingExample],
    max_tokens: int,
) -> list[float | None]:
    """The mean nats per token of the replies that the examples are about; None where too long."""
    prompts, replies = [e.prompt for e in examples], [e.reply for e in examples]
    rows = _tokenised(base, examples, prompts, replies, max_tokens)
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
    """`measure` gives one number per row of a batch."""
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
