"""What the scheduler asks of the model that serves: `EngineServedModel` of the server answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adapters_store.records import AdapterVersion
from feedback.records import Memory, Message

Adapter = Path | AdapterVersion | None
"""The folder of a staged candidate, a version, or the base alone."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation to reply to, greedily, or at temperature 1 if there is a `seed`."""

    messages: tuple[Message, ...]
    max_tokens: int
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply to the last of `messages`. It has no end of turn if it `is_truncated`."""

    messages: tuple[Message, ...]
    text: str
    is_truncated: bool = False


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """A token of a reply, its log-probability in nats, and the likeliest tokens at its place.

    `top` has pairs of a token id and its log-probability, the likeliest first.
    """

    id: int
    log_prob: float
    top: tuple[tuple[int, float], ...] = ()


class ServedModel(Protocol):
    """The serving engine, behind users' chats. Equal requests get equal answers.

    Methods that ask it block. They raise `TrainingCancelledError`, and `TrainingFailedError` if it
    cannot answer.
    """

    def reply(
        self, prompts: Sequence[Prompt], adapter: Adapter, is_cancelled: Callable[[], bool]
    ) -> list[Reply]:
        """Reply to each prompt."""

    def score(
        self,
        replies: Sequence[Reply],
        adapter: Adapter,
        is_cancelled: Callable[[], bool],
        *,
        num_top: int = 0,
    ) -> list[tuple[ScoredToken, ...]]:
        """Score each reply, of at least one token, and its end of turn if it has one."""

    def continue_lines(
        self, texts: Sequence[str], max_tokens: int, seed: int, is_cancelled: Callable[[], bool]
    ) -> list[str]:
        """Let the base continue each plain text at temperature 1, to the end of its line."""

    def fits(self, reply: Reply) -> bool:
        """Whether a reply and its prompt fit into the context beside a full memory."""

    def remember(self, messages: Sequence[Message], memory: Memory) -> tuple[Message, ...]:
        """The messages with what a chat would show of the memory."""


def mean_log_prob(tokens: Sequence[ScoredToken]) -> float:
    """The mean log-probability of a reply's tokens, in nats."""
    return sum(each.log_prob for each in tokens) / len(tokens)


def user_prompt(text: str, max_tokens: int) -> Prompt:
    """A conversation of one question, to be replied to greedily."""
    return Prompt((Message("user", text),), max_tokens)
