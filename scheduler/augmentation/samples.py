"""Several replies of the base to each prompt, drawn at temperature 1."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from feedback.records import Message, TrainingExample
from scheduler.served_model import Prompt, Reply, ServedModel

SAMPLES_PER_PROMPT, SAMPLE_TOKENS = 8, 96
MAX_OWN = 20
"""The newest prompts of a user that are sampled for them alone."""


@dataclass(frozen=True, slots=True)
class Samples:
    """A conversation that ends with a question, and several replies to it."""

    messages: tuple[Message, ...]
    replies: tuple[Reply, ...]


def draw_samples(
    model: ServedModel, chats: Sequence[tuple[Message, ...]], is_cancelled: Callable[[], bool]
) -> tuple[Samples, ...]:
    """Draw replies to each conversation. Raises what `ServedModel.reply` raises.

    The replies to one do not depend on the others.
    """
    asked = [
        Prompt(chat, SAMPLE_TOKENS, seed) for chat in chats for seed in range(SAMPLES_PER_PROMPT)
    ]
    said = tuple(model.reply(asked, None, is_cancelled))
    starts = range(0, len(said), SAMPLES_PER_PROMPT)
    return tuple(
        Samples(chat, said[i : i + SAMPLES_PER_PROMPT])
        for chat, i in zip(chats, starts, strict=True)
    )


def rated_chats(examples: Iterable[TrainingExample]) -> tuple[tuple[Message, ...], ...]:
    """The newest conversations that the user rated a reply to, each once. Pure."""
    newest = sorted(examples, key=lambda each: each.created_at, reverse=True)
    return tuple(dict.fromkeys(each.messages for each in newest))[:MAX_OWN]
