"""The state of one reply while it is being written: the engine's only mutable record."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from adapters_store.records import AdapterVersion
from server.engine.detokenizer import TextStream


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


class Sequence:
    """One prompt and the reply growing behind it, pinned to the adapter version it began with."""

    def __init__(
        self,
        prompt: tuple[int, ...],
        params: SamplingParams,
        adapter: AdapterVersion | None,
        text: TextStream,
        send: Callable[[Event], None],
    ) -> None:
        self.prompt = prompt
        self.params = params
        self.adapter = adapter
        self.text = text
        self.send = send
        self.output: list[int] = []
        self.output_counts: Counter[int] = Counter()
        self.random = Random(params.seed)
        self.slot = 0
        self.is_cancelled = False
        self.finish_reason: str | None = None

    @property
    def num_cached(self) -> int:
        """Tokens whose keys and values are in the cache: all but the newest."""
        return len(self.prompt) + len(self.output) - 1

    def append(self, token: int, eos_token_ids: frozenset[int]) -> TextDelta | None:
        """Add a sampled token; return what there is to tell the client, if anything."""
        self.output.append(token)
        self.output_counts[token] += 1
        is_end = token in eos_token_ids and not self.params.ignore_eos
        text = "" if is_end else self.text.push(token)
        if is_end or self.text.is_stopped:
            self.finish_reason = "stop"
        elif len(self.output) >= self.params.max_tokens:
            self.finish_reason = "length"
        if self.finish_reason:
            text += self.text.flush()
        if text or self.finish_reason:
            return TextDelta(text, len(self.output), self.finish_reason)
        return None
