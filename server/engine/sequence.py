"""The state of one reply while it is written: the engine's only mutable record."""

from collections import Counter
from collections.abc import Callable
from collections.abc import Sequence as Items
from concurrent.futures import Future
from random import Random

from adapters_store.records import ServableAdapter
from server.engine.detokenizer import TextStream
from server.engine.dry_penalty import DryPenalty
from server.engine.errors import GenerationError
from server.engine.model.runner import PackedAdapter, SavedPrefix
from server.engine.records import Event, SamplingParams, TextDelta, TokenLogprob


class Sequence:
    """One prompt and its growing reply, pinned to one adapter version.

    If `scored` is not empty, nothing is written: `prompt_ids` ends with all but the last of these
    tokens, and their log-probabilities are read off while it is prefilled.

    `num_cached` counts the tokens whose keys and values are in the cache, or in `saved` while a
    reply in the background has lost its row. `turn_start` is how many tokens were written when it
    got its row. `background_since` is when a reply in the background was asked for, in seconds of
    the monotonic clock; None if it gives way to nobody.

    A guided reply has a second sequence, its guide: that has a row of its own and the same tokens
    after another prompt, and nothing of it is sampled or sent.
    """

    def __init__(
        self,
        prompt_ids: tuple[int, ...],
        params: SamplingParams,
        user: str,
        adapter: ServableAdapter | None,
        text: TextStream,
        send: Callable[[Event], None],
        dry_multiplier: float = 0.0,
        background_since: float | None = None,
        scored: tuple[int, ...] = (),
        prefix_scope: str | None = None,
        is_guide: bool = False,
    ) -> None:
        self.prompt_ids = prompt_ids
        self.params = params
        self.user = user
        self.adapter = adapter
        self.loading: Future[PackedAdapter] | None = None
        self.text = text
        self.send = send
        self.output: list[int] = []
        self.output_counts: Counter[int] = Counter()
        # A grammar may want repetition.
        is_penalised = dry_multiplier > 0 and params.grammar is None
        self.dry_penalty = DryPenalty(dry_multiplier) if is_penalised else None
        self.random = Random(params.seed)
        self.grammar = params.grammar.start() if params.grammar else None
        self.unsent_logprobs: list[TokenLogprob] = []
        self.num_cached = 0
        self.turn_start = 0
        self.saved: SavedPrefix | None = None
        self.background_since = background_since
        self.scored = scored
        self.prefix_scope = prefix_scope
        self.guided_by: Sequence | None = None
        self.is_guide = is_guide
        self.is_cancelled = False
        self.finish_reason: str | None = None

    @property
    def all_rows(self) -> "tuple[Sequence, ...]":
        """The sequences that have a row for this reply."""
        return (self,) if self.guided_by is None else (self, self.guided_by)

    @property
    def is_ready(self) -> bool:
        """Whether loading its adapter has ended, with or without success."""
        return self.loading is None or self.loading.done()

    @property
    def packed_adapter(self) -> PackedAdapter | None:
        """The adapter to bind to its row. Raises what loading it raised."""
        return self.loading.result() if self.loading else None

    @property
    def is_background(self) -> bool:
        """Whether it gives way to others."""
        return self.background_since is not None

    @property
    def turn_tokens(self) -> int:
        """Tokens written since it got its row."""
        return len(self.output) - self.turn_start

    def begin_turn(self) -> None:
        """Note that it got a row."""
        self.turn_start = len(self.output)

    def begin_again(self) -> None:
        """Note that its row, with all that was cached, is gone. What was written stays."""
        for each in self.all_rows:
            each.num_cached = 0
        if self.scored:
            self.unsent_logprobs.clear()

    @property
    def tokens(self) -> tuple[int, ...]:
        """The prompt, and the reply so far."""
        return (*self.prompt_ids, *self.output)

    @property
    def num_uncached(self) -> int:
        """Tokens that are still to prefill; one while the reply is written."""
        return len(self.prompt_ids) + len(self.output) - self.num_cached

    @property
    def first_scored(self) -> int:
        """The position whose logits predict the first scored token."""
        return len(self.prompt_ids) - len(self.scored)

    @property
    def unscored(self) -> tuple[int, ...]:
        """The scored tokens whose log-probabilities are not known yet."""
        return self.scored[len(self.unsent_logprobs) :]

    def add_scores(self, logprobs: Items[TokenLogprob | None]) -> Event | None:
        """Add the next scored tokens' log-probabilities; return the event once all are known."""
        self.unsent_logprobs += [each for each in logprobs if each is not None]
        if self.unscored:
            return None
        self.finish_reason = "stop"
        return TextDelta("", len(self.scored), self.finish_reason, tuple(self.unsent_logprobs))

    @property
    def cached_tokens(self) -> tuple[int, ...]:
        """The tokens whose keys and values are in the cache."""
        return self.tokens[: self.num_cached]

    def append(
        self, token: int, eos_token_ids: frozenset[int], logprob: TokenLogprob | None = None
    ) -> Event | None:
        """Add a sampled token; return the event for the client, if any.

        If the grammar does not take the token, the event is a `GenerationError`.
        """
        for each in self.all_rows:
            each.output.append(token)
        self.output_counts[token] += 1
        is_end = token in eos_token_ids and not (self.params.ignore_eos and self.grammar is None)
        if self.grammar is not None and not self.grammar.push(token):
            self.finish_reason = "error"
            return GenerationError("The reply did not fit its format. Ask for a simpler schema.")
        text = "" if is_end else self.text.push(token)
        if self.dry_penalty:
            self.dry_penalty.append(token, text)
        if logprob is not None and not is_end:
            self.unsent_logprobs.append(logprob)
        if is_end or self.text.is_stopped or (self.grammar and self.grammar.is_complete):
            self.finish_reason = "stop"
        elif len(self.output) >= self.params.max_tokens:
            self.finish_reason = "length"
        if self.finish_reason:
            text += self.text.flush()
        if self.text.is_stopped and not text:  # the unsent tokens are the stop string
            self.unsent_logprobs.clear()
        if text or self.finish_reason:
            logprobs, self.unsent_logprobs = tuple(self.unsent_logprobs), []
            return TextDelta(text, len(self.output), self.finish_reason, logprobs)
        return None
