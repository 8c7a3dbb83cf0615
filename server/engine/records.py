"""The engine's inputs and outputs. Needs no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class GrammarState(Protocol):
    """How far one reply has come in its grammar."""

    @property
    def is_complete(self) -> bool:
        """Whether the reply can only end now."""

    def allowed(self) -> "Tensor":
        """Which tokens may come next: bool [at least the width of the logits], on the CPU."""

    def push(self, token: int) -> bool:
        """Advance by one token; False if it does not fit."""


class Grammar(Protocol):
    """Constrains a reply; `grammar.Grammar` is one."""

    @property
    def source(self) -> str:
        """What it was compiled from, in llguidance's variant of Lark."""

    def start(self) -> GrammarState:
        """The state of a reply that has not begun."""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How a reply is sampled. Zero `temperature` is greedy; zero `top_k` means no limit.

    Penalties are OpenAI's: subtracted from the logits of tokens already in the reply, `frequency`
    once per occurrence and `presence` once. Then `logit_bias` is added and the `grammar` masks.
    `logprobs` is how many of the likeliest tokens to report at each place; None reports nothing.
    Above 1, `guidance_scale` moves a guided reply away from what the model says without guidance.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    grammar: Grammar | None = None
    logprobs: int | None = None
    ignore_eos: bool = False
    guidance_scale: float = 1.0

    @property
    def has_penalties(self) -> bool:
        """Whether earlier tokens of the reply change the logits."""
        return bool(self.frequency_penalty or self.presence_penalty)

    @property
    def is_greedy(self) -> bool:
        """Whether every token is the one with the highest of the model's own logits."""
        is_changed = self.has_penalties or self.logit_bias or self.grammar is not None
        return self.temperature == 0 and not is_changed


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A written token's log-probability, and the likeliest tokens there as (token id, logprob)."""

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """New text of a reply. The last one has a `finish_reason`: `stop` or `length`.

    `tokens` counts the reply's tokens so far, the end-of-turn token included. `logprobs` covers
    the tokens since the last delta, without the end-of-turn token.
    """

    text: str
    tokens: int
    finish_reason: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()


Event = TextDelta | Exception
