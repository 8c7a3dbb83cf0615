"""What each phase of a fit trains on: examples of all kinds as token rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters_store.base_model import Renderer
from feedback.records import ExampleKind, Message, TrainingExample
from scheduler.fit.batching import TokenisedReply, tokenise, tokenise_target
from scheduler.records import TrainingConfig

CLICK_FLIP_RATE = 0.1
"""How often a click is taken to say the opposite of what was meant, robust DPO's epsilon (Chowdhury
et al. 2024, arXiv 2403.00409). A person who writes a correction means it."""

Exchanges = Sequence[tuple[str, str]]
"""Prompts, each with what the base replies."""


@dataclass(frozen=True, slots=True)
class Thumb:
    """A single reply that was liked or disliked."""

    reply: TokenisedReply
    is_desirable: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """A reply that is better than another, but for every `flip_rate`-th such pair."""

    chosen: TokenisedReply
    rejected: TokenisedReply
    flip_rate: float


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one fit; `kept` are the base's replies that it holds on to."""

    thumbs: tuple[Thumb, ...]
    replies: tuple[TokenisedReply, ...]
    pairs: tuple[Pair, ...]
    kept: tuple[TokenisedReply, ...]


def tokenise_rows(
    renderer: Renderer,
    examples: Sequence[TrainingExample],
    kept: Exchanges,
    config: TrainingConfig,
    *,
    is_warm: bool = False,
) -> Rows:
    """Rows in the order of the examples, without those longer than `config.max_tokens`.

    A liked reply is one to learn, and a thumb where disliked ones need a counterweight: alone it
    would teach the same twice. There is nothing to hold on to without dislikes, but in a warm
    start.
    """

    def target(example: TrainingExample) -> TokenisedReply | None:
        return tokenise_target(renderer, example, config)

    def reply_to(
        prompt: Sequence[Message], reply: str, *, is_cut: bool = False
    ) -> TokenisedReply | None:
        return tokenise(renderer, prompt, reply, config.max_tokens, is_cut=is_cut)

    thumbs, replies, pairs = [], [], []
    for example in examples:
        row = target(example)
        if row is None:
            continue
        if example.kind is ExampleKind.DPO:
            # Where one end is not to be learned, it is not to be preferred either.
            rejected = reply_to(example.prompt, example.rejected or "", is_cut=example.is_cut)
            if rejected is not None:
                pairs.append(Pair(row, rejected, _flip_rate(example)))
            continue
        if example.kind is not ExampleKind.SFT:
            thumbs.append(Thumb(row, example.kind is ExampleKind.DESIRABLE))
        if example.kind is not ExampleKind.UNDESIRABLE:
            replies.append(row)
    if all(thumb.is_desirable for thumb in thumbs):
        thumbs = []
    held = kept if thumbs or is_warm else ()
    known = [reply_to([Message("user", prompt)], reply) for prompt, reply in held]
    return Rows(tuple(thumbs), tuple(replies), tuple(pairs), tuple(row for row in known if row))


def kept_beside(rows: int) -> int:
    """How many kept replies a warm start has beside rows to learn: one for four, a fifth in all."""
    return -(-rows // 4)


def thumb_weights(thumbs: Sequence[Thumb]) -> tuple[float, float]:
    """What a liked and a disliked reply count, so that both sides come to the same.

    Ethayarajh et al. 2024 (arXiv 2402.01306) advise 1:1 to 4:3 in all. The larger side is weighed
    down, never the smaller one up: one like must not count like ten.
    """
    liked = sum(thumb.is_desirable for thumb in thumbs)
    disliked = len(thumbs) - liked
    fewer = min(liked, disliked)
    if fewer == 0:
        return 1.0, 1.0
    return fewer / liked, fewer / disliked


def _flip_rate(example: TrainingExample) -> float:
    return 0.0 if example.source == "correction" else CLICK_FLIP_RATE
