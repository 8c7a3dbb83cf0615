"""What the engine is asked and what it tells. Needs no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How a reply is drawn. Zero `temperature` is greedy; zero `top_k` means no limit.

    Penalties are OpenAI's: subtracted from the logits of tokens already in the reply, `frequency`
    once per occurrence and `presence` once.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    ignore_eos: bool = False

    @property
    def has_penalties(self) -> bool:
        """Whether earlier tokens of the reply change the logits."""
        return bool(self.frequency_penalty or self.presence_penalty)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """New text of a reply. The last one has a `finish_reason`: `stop` or `length`.

    `tokens` counts the reply's tokens so far, the end-of-turn token included.
    """

    text: str
    tokens: int
    finish_reason: str | None = None


Event = TextDelta | Exception
