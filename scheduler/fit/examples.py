"""What each phase of a fit trains on: examples of all kinds as token rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters_store.base_model import Renderer
from feedback.records import ExampleKind, ExampleSource, Message, TrainingExample
from scheduler.fit.batching import TokenisedReply, tokenise, tokenise_target
from scheduler.records import TrainingConfig

CLICK_FLIP_RATE = 0.1
"""How often a click is taken to say the opposite of what was meant, robust DPO's epsilon (Chowdhury
et al. 2024, arXiv 2403.00409). A person who writes a correction means it."""

Exchanges = Sequence[tuple[str, str]]
"""Prompts, each with what the base replies."""


@dataclass(frozen=True, slots=True)
class RatedTokens:
    """A single reply that was liked or disliked."""

    reply: TokenisedReply
    is_desirable: bool


@dataclass(frozen=True, slots=True)
class TokenisedPair:
    """A reply that is better than another, but for every `flip_rate`-th such pair."""

    chosen: TokenisedReply
    rejected: TokenisedReply
    flip_rate: float


@dataclass(frozen=True, slots=True)
class FitExamples:
    """The rows of one fit; `kl_replies` are the base's replies that it holds on to."""

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
    """Rows in the order of the examples, without those longer than `config.max_tokens`.

    A liked reply is one to learn, and a thumb where disliked ones need a counterweight: alone it
    would teach the same twice. There is nothing to hold on to without dislikes, but in a warm
    start.
    """

    def target(example: TrainingExample) -> TokenisedReply | None:
        return tokenise_target(renderer, example, config)

    def reply_to(
        prompt: Sequence[Message], reply: str, *, is_truncated: bool = False
    ) -> TokenisedReply | None:
        return tokenise(renderer, prompt, reply, config.max_tokens, is_truncated=is_truncated)

    ratings, replies, pairs = [], [], []
    for example in examples:
        row = target(example)
        if row is None:
            continue
        if example.kind is ExampleKind.DPO:
            # Where one end is not to be learned, it is not to be preferred either.
            rejected = reply_to(
                example.prompt, example.rejected or "", is_truncated=example.is_truncated
            )
            if rejected is not None:
                pairs.append(TokenisedPair(row, rejected, _flip_rate(example)))
            continue
        if example.kind is not ExampleKind.SFT:
            ratings.append(RatedTokens(row, example.kind is ExampleKind.DESIRABLE))
        if example.kind is not ExampleKind.UNDESIRABLE:
            replies.append(row)
    if all(rating.is_desirable for rating in ratings):
        ratings = []
    held = kl_replies if ratings or is_warm else ()
    known = [reply_to([Message("user", prompt)], reply) for prompt, reply in held]
    return FitExamples(
        tuple(ratings), tuple(replies), tuple(pairs), tuple(row for row in known if row)
    )


def num_reference_replies(rows: int) -> int:
    """How many kept replies a warm start has beside rows to learn: one for four, a fifth in all."""
    return -(-rows // 4)


def rating_weights(ratings: Sequence[RatedTokens]) -> tuple[float, float]:
    """What a liked and a disliked reply count, so that both sides come to the same.

    Ethayarajh et al. 2024 (arXiv 2402.01306) advise 1:1 to 4:3 in all. The larger side is weighed
    down, never the smaller one up: one like must not count like ten.
    """
    liked = sum(rating.is_desirable for rating in ratings)
    disliked = len(ratings) - liked
    fewer = min(liked, disliked)
    if fewer == 0:
        return 1.0, 1.0
    return fewer / liked, fewer / disliked


def _flip_rate(example: TrainingExample) -> float:
    return 0.0 if example.source is ExampleSource.CORRECTION else CLICK_FLIP_RATE
