"""Tokenises the examples of all kinds for the phases of a fit."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters_store.base_model import Renderer
from feedback.records import ExampleKind, ExampleSource, Message, TrainingExample
from scheduler.fit.batching import TokenisedReply, tokenise, tokenise_target
from scheduler.records import TrainingConfig

CLICK_FLIP_RATE = 0.1
"""The assumed share of clicks that mean the opposite: robust DPO's epsilon (Chowdhury et al. 2024,
arXiv 2403.00409). Corrections are meant as written."""

Exchanges = Sequence[tuple[str, str]]
"""Prompts, each with the base's reply."""


@dataclass(frozen=True, slots=True)
class RatedTokens:
    """One liked or disliked reply."""

    reply: TokenisedReply
    is_desirable: bool


@dataclass(frozen=True, slots=True)
class TokenisedPair:
    """A better and a worse reply; `flip_rate` is the chance that they are the other way round."""

    chosen: TokenisedReply
    rejected: TokenisedReply
    flip_rate: float


@dataclass(frozen=True, slots=True)
class FitExamples:
    """The examples of each phase; `kl_replies` are replies of the base to stay close to."""

    ratings: tuple[RatedTokens, ...]
    replies: tuple[TokenisedReply, ...]
    pairs: tuple[TokenisedPair, ...]
    kl_replies: tuple[TokenisedReply, ...]


def tokenise_examples(
    renderer: Renderer,
    examples: Sequence[TrainingExample],
    kl_replies: Exchanges,
    config: TrainingConfig,
    *,
    is_warm: bool = False,
) -> FitExamples:
    """Tokenise the examples, in order, without those longer than `config.max_tokens`.

    A liked reply is a reply to learn. It is also a rating if there are disliked ones to balance;
    otherwise that would teach it twice. Without dislikes, `kl_replies` serve only a warm start.
    """

    def tokenise_reply(
        messages: Sequence[Message], reply: str, *, is_truncated: bool = False
    ) -> TokenisedReply | None:
        return tokenise(renderer, messages, reply, config.max_tokens, is_truncated=is_truncated)

    ratings, replies, pairs = [], [], []
    for example in examples:
        target = tokenise_target(renderer, example, config)
        if target is None:
            continue
        if example.kind is ExampleKind.DPO:
            # If the end of one is not to be learned, that of the other is not to be rejected.
            rejected = tokenise_reply(
                example.messages, example.rejected or "", is_truncated=example.is_truncated
            )
            if rejected is not None:
                pairs.append(TokenisedPair(target, rejected, _flip_rate(example)))
            continue
        if example.kind is not ExampleKind.SFT:
            ratings.append(RatedTokens(target, example.kind is ExampleKind.DESIRABLE))
        if example.kind is not ExampleKind.UNDESIRABLE:
            replies.append(target)
    if all(rating.is_desirable for rating in ratings):
        ratings = []
    exchanges = kl_replies if ratings or is_warm else ()
    kl = (tokenise_reply([Message("user", prompt)], reply) for prompt, reply in exchanges)
    return FitExamples(
        tuple(ratings), tuple(replies), tuple(pairs), tuple(each for each in kl if each)
    )


def num_kl_replies(num_targets: int) -> int:
    """How many of the base's replies a warm start adds to so many to learn: a fifth in all."""
    return -(-num_targets // 4)


def rating_weights(ratings: Sequence[RatedTokens]) -> tuple[float, float]:
    """The weights of a liked and a disliked reply, so that both sides have the same total.

    Ethayarajh et al. 2024 (arXiv 2402.01306) advise totals of 1:1 to 4:3. The larger side is
    weighted down, never the smaller one up: one like must not count like ten.
    """
    liked = sum(rating.is_desirable for rating in ratings)
    disliked = len(ratings) - liked
    fewer = min(liked, disliked)
    if fewer == 0:
        return 1.0, 1.0
    return fewer / liked, fewer / disliked


def _flip_rate(example: TrainingExample) -> float:
    return 0.0 if example.source is ExampleSource.CORRECTION else CLICK_FLIP_RATE
