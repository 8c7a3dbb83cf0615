"""The engine in this process: schedule, run, postprocess, on a thread of its own.

It knows token ids, sampling and adapter versions, but not users, HTTP or the database.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch

from adapters_store.base_model import BaseModel, Renderer
from adapters_store.files import AdapterFiles
from adapters_store.lora import linear_shapes
from adapters_store.reasoning import NO_THINKING, TemplateOption
from adapters_store.records import LoraConfig, ServableAdapter
from adapters_store.rendering.turns import ChatMessage, Tool
from server.engine.adapter_cache import AdapterCache
from server.engine.detokenizer import TextStream
from server.engine.errors import (
    ContextOverflowError,
    EngineOverloadedError,
    GenerationError,
)
from server.engine.generation import Generation, event_queue
from server.engine.grammar import GrammarCompiler
from server.engine.model.compiled_llama import CompiledLlama, is_frozen
from server.engine.model.family import family_of
from server.engine.model.fused_llama import FusedLlama
from server.engine.model.general_runner import GeneralRunner
from server.engine.model.runner import Chunk, Runner
from server.engine.prefix_cache import PrefixCache
from server.engine.queue_limits import AT_CAPACITY, check_room
from server.engine.records import SamplingParams
from server.engine.running_rows import RunningRows
from server.engine.sampler import guided, sample, token_logprobs
from server.engine.scheduling import (
    OUTPUT_WEIGHT,
    FairShare,
    overdue,
    prefill_shares,
    row_share,
    row_to_give_up,
    rows_within_share,
)
from server.engine.sequence import Sequence

log = logging.getLogger(__name__)

# A step's logits of a scored text: at 150,000 tokens of vocabulary 40 MB.
SCORED_CHUNK = 64


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Sizes of the engine; lengths are in tokens. `context_length` 0 means the model's own.

    While replies are being written, a step prefills at most `prefill_chunk` tokens. Prefixes are
    reused in blocks of `prefix_block` tokens. `dry_multiplier` scales the DRY penalty. Up to
    `max_stacked` versions may answer together, so every adapter takes the room of so many.
    """

    max_batch_size: int = 16
    queue_limit: int = 256
    user_queue_limit: int = 32
    context_length: int = 0
    prefill_chunk: int = 256
    adapter_cache_bytes: int = 512 << 20
    prefix_cache_bytes: int = 512 << 20
    prefix_block: int = 128
    dry_multiplier: float = 0.0
    max_stacked: int = 1


class LocalEngine:
    """Writes many replies at once, each with its own adapter version.

    `submit` may be called from any event loop; all tensor work happens on the engine's thread.
    """

    def __init__(
        self, base: BaseModel, lora: LoraConfig, files: AdapterFiles, config: EngineConfig
    ) -> None:
        self.base = base
        self.config = config
        self.shapes: Mapping[str, tuple[int, int]] = linear_shapes(base.model, lora.targets)
        wide = lora.widened(config.max_stacked)
        self._runner = _runner_for(base, wide, config.max_batch_size, self.context_length)
        self.adapters = AdapterCache(
            files, self._runner, config.adapter_cache_bytes, self._notify, wide.rank
        )
        self.prefixes = PrefixCache(config.prefix_cache_bytes, config.prefix_block)
        self._shares = FairShare()
        self._rows = RunningRows(self._runner)
        self._waiting: list[Sequence] = []
        self._overdue: Sequence | None = None
        self._wake = threading.Condition()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._main_loop, name="engine", daemon=True)

    @property
    def model_name(self) -> str:
        """The base model's name, as clients know it."""
        return self.base.name

    @property
    def revision(self) -> str:
        """Identifies the base model's exact weights."""
        return self.base.revision

    @property
    def renderer(self) -> Renderer:
        """From messages to token ids and back."""
        return self.base.renderer

    @property
    def max_batch_size(self) -> int:
        """Most replies that are written at the same time."""
        return self.config.max_batch_size

    @property
    def num_resident_adapters(self) -> int:
        """How many adapters are in memory."""
        return self.adapters.num_resident

    @property
    def adapter_loads(self) -> int:
        """How often an adapter was loaded since the start."""
        return self.adapters.loads

    @property
    def context_length(self) -> int:
        """Most tokens of a prompt and its reply together."""
        return min(self.config.context_length or self.base.context_length, self.base.context_length)

    @property
    def vocabulary_size(self) -> int:
        """Width of the model's logits."""
        return int(self.base.model.config.vocab_size)

    @cached_property
    def grammar_compiler(self) -> GrammarCompiler:
        """Made at first use, which takes about a second: do not use it on an event loop."""
        renderer = self.renderer
        return GrammarCompiler(renderer.tokenizer, renderer.eos_token_ids, self.vocabulary_size)

    @property
    def num_running(self) -> int:
        """Replies being written now."""
        return len(self._rows.replies)

    @property
    def num_waiting(self) -> int:
        """Requests that wait for a row."""
        return len(self._waiting)

    @property
    def is_busy(self) -> bool:
        """Whether any reply is running or waiting."""
        return bool(self._rows or self._waiting)

    def render(
        self,
        messages: Items[ChatMessage],
        tools: Items[Tool] = (),
        options: Mapping[str, TemplateOption] = NO_THINKING,
    ) -> list[int]:
        """Token ids of a conversation: see `Renderer.prompt_ids`."""
        return self.renderer.prompt_ids(messages, tools, options)

    def submit(
        self,
        prompt_ids: Items[int],
        params: SamplingParams,
        adapter: ServableAdapter | None,
        *,
        user: str,
        prefix_scope: str | None = None,
        is_background: bool = False,
        unconditional_ids: Items[int] | None = None,
    ) -> Generation:
        """Queue a reply, pinned to this adapter version, from a running event loop.

        With `unconditional_ids`, the same prompt without what the reply should heed, it is guided
        by `params.guidance_scale`. That takes a second row, and a prompt that is too long for it
        or an engine of one row is not guided. A grammar is not guided, either.

        Users share the rows fairly: one with more than a share gives rows up while others wait, and
        goes on later. Replies in the background give way to all others. The empty user name has no
        queue limit of its own. The base shares prefixes within a `prefix_scope`.

        Raises `ContextOverflowError`, `EngineOverloadedError`, `UserQueueFullError`.
        """
        room = self.context_length - len(prompt_ids)
        if room < 1:
            raise ContextOverflowError(len(prompt_ids), self.context_length)
        params = replace(params, max_tokens=min(params.max_tokens, room))
        if not self._can_guide(params, unconditional_ids):
            unconditional_ids = None
        return self._queue(
            prompt_ids,
            params,
            adapter,
            user,
            is_background,
            scope=prefix_scope,
            unconditional_ids=unconditional_ids,
        )

    def _can_guide(self, params: SamplingParams, unconditional_ids: Items[int] | None) -> bool:
        is_wanted = params.guidance_scale != 1 and params.grammar is None
        room = self.context_length - len(unconditional_ids or ())
        return is_wanted and self.config.max_batch_size > 1 and room >= params.max_tokens

    def score(
        self,
        prompt_ids: Items[int],
        reply_ids: Items[int],
        adapter: ServableAdapter | None,
        *,
        user: str,
        num_top: int = 0,
        is_background: bool = False,
    ) -> Generation:
        """Queue a given reply, of at least one token: what would the model say of it?

        The only event is a `TextDelta` with a `TokenLogprob` for each of `reply_ids`, with
        `num_top` likeliest tokens. It is prefilled, so it costs as little as a prompt. Else as
        `submit`. Raises `ValueError` for a reply without tokens.
        """
        if not reply_ids:
            raise ValueError("there is nothing to score")
        if len(prompt_ids) + len(reply_ids) > self.context_length:
            raise ContextOverflowError(len(prompt_ids) + len(reply_ids), self.context_length)
        params = SamplingParams(temperature=0, logprobs=num_top)
        ids, scored = (*prompt_ids, *reply_ids[:-1]), tuple(reply_ids)
        return self._queue(ids, params, adapter, user, is_background, scored)

    def _queue(
        self,
        prompt_ids: Items[int],
        params: SamplingParams,
        adapter: ServableAdapter | None,
        user: str,
        is_background: bool,
        scored: tuple[int, ...] = (),
        scope: str | None = None,
        unconditional_ids: Items[int] | None = None,
    ) -> Generation:
        events, send = event_queue()
        renderer = self.renderer
        backend = renderer.tokenizer.backend_tokenizer
        text = TextStream(backend, params.stop, renderer.hidden_tags)
        dry = self.config.dry_multiplier
        since = time.monotonic() if is_background else None
        sequence = Sequence(
            tuple(prompt_ids), params, user, adapter, text, send, dry, since, scored, scope
        )
        with self._wake:
            if self._is_stopping:
                raise EngineOverloadedError(AT_CAPACITY)
            check_room(
                sequence,
                self._waiting,
                queue_limit=self.config.queue_limit,
                user_queue_limit=self.config.user_queue_limit,
            )
            if adapter:
                sequence.loading = self.adapters.lease(adapter)
            if unconditional_ids is not None:
                sequence.guided_by = _guide(sequence, tuple(unconditional_ids))
            self._shares.join(user, self._active_users())
            self._waiting.append(sequence)
            self._wake.notify()
        return Generation(partial(self.cancel, sequence), events)

    def cancel(self, sequence: Sequence) -> None:
        """Drop a reply at the next step."""
        with self._wake:
            sequence.is_cancelled = True
            self._wake.notify()

    def start(self) -> None:
        """Start the engine's thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the current step; unfinished replies fail."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        self.adapters.close()

    def _notify(self) -> None:
        with self._wake:
            self._wake.notify()

    def _main_loop(self) -> None:
        while True:
            with self._wake:
                while not (self._has_work() or self._is_stopping):
                    if not self.is_busy:
                        self._runner.release()
                    self._wake.wait()
                if self._is_stopping:
                    break
            try:
                self.step()
            except Exception as error:
                # Only torch can fail here, for example out of memory. The step's replies are lost.
                log.exception("engine step failed")
                self._fail(self._rows.clear(), f"The model failed: {type(error).__name__}.")
        self._fail(self._rows.clear(), "The server is shutting down.")
        self._fail(self._take_waiting(), "The server is shutting down.")

    def step(self) -> None:
        """Schedule, run, postprocess: one forward pass for all rows."""
        self._drop_cancelled()
        self._preempt()
        self._admit()
        decoding, chunks = self._rows.decoding, self._next_chunks()
        if not decoding and not chunks:
            return
        logits = self._runner.run(
            tokens=[s.output[-1] for s in decoding],
            lengths=[s.num_cached for s in decoding],
            chunks=chunks,
        )
        predicted = [*decoding, *(self._rows[each.row] for each in chunks)]
        counts = [1] * len(decoding) + [each.num_logits for each in chunks]
        self._note_cached(decoding, chunks)
        self._postprocess(logits, predicted, counts)

    def _has_work(self) -> bool:
        return bool(self._rows) or any(s.is_ready or s.is_cancelled for s in self._waiting)

    def _active_users(self) -> set[str]:
        return {sequence.user for sequence in (*self._rows, *self._waiting)}

    def _preempt(self) -> None:
        """Take back the rows of replies in the background while others are ready or written."""
        with self._wake:
            running = self._rows.replies
            wanted = [*running, *(s for s in self._waiting if s.is_ready)]
            background = [s for s in wanted if s.is_background]
            if not background or len(background) == len(wanted):
                return
            if self._overdue not in wanted:
                since = [s.background_since for s in background if s.background_since is not None]
                index = overdue(since, time.monotonic())
                self._overdue = None if index is None else background[index]
                if self._overdue:
                    self._overdue.background_since = None
        for sequence in running:
            if sequence.is_background:
                for each in sequence.all_rows:
                    each.saved = self._runner.save(self._rows.index(each), each.num_cached)
                    self._rows.remove(each)
                with self._wake:
                    self._waiting.append(sequence)

    def _admit(self) -> None:
        """Give rows to ready requests, first to users below their share, the least served first."""
        while (found := self._next_admission()) is not None:
            sequence, given_up = found
            if given_up:
                self._give_up(given_up)
            if sequence is None:
                continue
            try:
                adapter = sequence.packed_adapter
            except Exception as error:
                log.error("an adapter could not be loaded: %s", error)
                self._fail([sequence], "This user's adapter could not be loaded.")
                continue
            sequence.begin_turn()
            for each in sequence.all_rows:
                row = self._rows.add(each, adapter)
                if each.saved is not None:
                    self._runner.restore(row, each.saved, each.num_cached)
                    each.saved = None
                elif prefix := self.prefixes.longest(
                    _namespace(each), _unscored_part(each), is_resumed=bool(each.output)
                ):
                    saved, each.num_cached = prefix
                    self._runner.restore(row, saved, each.num_cached)

    def _next_admission(self) -> tuple[Sequence | None, Sequence | None] | None:
        """The next request that gets a row, and the reply that gives its own up for it, if any.

        A guided one needs two: if the first that is given up is not enough, it waits on.
        """
        running = self._rows.replies
        free = self.config.max_batch_size - len(self._rows)
        with self._wake:
            ready = [s for s in self._waiting if s.is_ready]
            others = [s for s in ready if not s.is_background]
            if others or not all(s.is_background for s in running):
                ready = others
            if not ready:
                return None
            holders = [s.user for s in running]
            held = Counter(holders)
            most_rows = max(len(s.all_rows) for s in ready)
            num_replies = len(running) + free // most_rows
            share = row_share(num_replies, len({*holders, *(s.user for s in ready)}))
            ready = [s for s in ready if held[s.user] < share] or ready
            user = self._shares.first([s.user for s in ready])
            sequence = _begun_first(s for s in ready if s.user == user)
            given_up = None
            if free < len(sequence.all_rows):
                written = [s.turn_tokens for s in running]
                row = row_to_give_up(holders, written, user=user, share=share)
                if row is None:
                    return None
                given_up = running[row]
                if free + len(given_up.all_rows) < len(sequence.all_rows):
                    return None, given_up
            self._waiting.remove(sequence)
        return sequence, given_up

    def _give_up(self, sequence: Sequence) -> None:
        """Take a reply's rows back. It waits again, and goes on from its cached prefix.

        Until other replies need the room all of it stays there: to compute the last part of a
        block again would hold every row up.
        """
        for each in sequence.all_rows:
            self._keep_prefix(each, each.num_cached)
            self._rows.remove(each)
        sequence.begin_again()
        with self._wake:
            self._waiting.append(sequence)

    def _next_chunks(self) -> list[Chunk]:
        self._rows.pair_up()
        prefilling = self._rows.prefilling
        most_rows = row_share(self.config.max_batch_size, len({s.user for s in self._rows}))
        shares = prefill_shares(
            [s.num_uncached for s in prefilling],
            decoding=rows_within_share([s.user for s in self._rows.decoding], most_rows),
            budget=self.config.prefill_chunk,
        )
        chunks: list[Chunk] = []
        rows = range(self._rows.num_decoding, len(self._rows))
        ends = [share == s.num_uncached for share, s in zip(shares, prefilling, strict=True)]
        for i, (row, sequence, share) in enumerate(zip(rows, prefilling, shares, strict=True)):
            # Both prompts of a guided reply are complete in the same step.
            is_held = self._rows.is_first_of_pair(row) and ends[i] and not ends[i + 1]
            if is_held:
                share -= 1
            if not share:
                break
            chunk = _chunk(row, sequence, share)
            chunks.append(chunk)
            if not (chunk.is_last or is_held):  # later rows must not be complete before this one
                break
        return chunks

    def _note_cached(self, decoding: Items[Sequence], chunks: Items[Chunk]) -> None:
        for sequence in decoding:
            sequence.num_cached += 1
            self._shares.charge(sequence.user, OUTPUT_WEIGHT)
        for chunk in chunks:
            sequence = self._rows[chunk.row]
            sequence.num_cached = chunk.end
            self._shares.charge(sequence.user, len(chunk.tokens))
        self._rows.num_decoding += sum(chunk.is_last for chunk in chunks)

    def _postprocess(
        self, logits: torch.Tensor, predicted: Items[Sequence], counts: Items[int]
    ) -> None:
        """Sample or score each sequence, with its `counts` of the `logits` [tokens, vocabulary]."""
        parts = list(zip(predicted, torch.split(logits, list(counts)), strict=True))
        written = {s: part for s, part in parts if len(part) and not s.scored}
        if replies := [s for s in written if not s.is_guide]:
            is_all = len(replies) == len(logits)
            own = logits if is_all else torch.cat([written[s] for s in replies])
            self._write(own, replies, {s: written[s.guided_by][0] for s in replies if s.guided_by})
        for sequence, part in parts:
            if sequence.scored and len(part):
                self._score(part, sequence)
            if sequence.finish_reason:
                self._remove(sequence)

    def _write(
        self,
        logits: torch.Tensor,
        sequences: Items[Sequence],
        guides: Mapping[Sequence, torch.Tensor],
    ) -> None:
        """Sample the next token of each, from its row of `logits` and that of its guide, if any."""
        tokens = sample(guided(logits, sequences, guides), sequences)
        logprobs = token_logprobs(logits, tokens, [s.params.logprobs for s in sequences])
        for sequence, token, logprob in zip(sequences, tokens, logprobs, strict=True):
            event = sequence.append(token, self.renderer.eos_token_ids, logprob)
            if event:
                sequence.send(event)

    def _score(self, logits: torch.Tensor, sequence: Sequence) -> None:
        tokens = sequence.unscored[: len(logits)]
        num_top = [sequence.params.logprobs] * len(tokens)
        if event := sequence.add_scores(token_logprobs(logits, tokens, num_top)):
            sequence.send(event)

    def _drop_cancelled(self) -> None:
        with self._wake:
            cancelled = [s for s in self._waiting if s.is_cancelled]
            self._waiting = [s for s in self._waiting if not s.is_cancelled]
        for sequence in cancelled:
            self._release(sequence)
        for sequence in [s for s in self._rows.replies if s.is_cancelled]:
            self._remove(sequence)

    def _remove(self, sequence: Sequence) -> None:
        self._free_rows(sequence)
        self._release(sequence)

    def _free_rows(self, sequence: Sequence) -> None:
        """Free a reply's rows; their keys and values stay in the prefix cache."""
        for each in sequence.all_rows:
            self._keep_prefix(each, self.prefixes.reusable(each.num_cached))
            self._rows.remove(each)

    def _keep_prefix(self, sequence: Sequence, length: int) -> None:
        if length:
            saved = self._runner.save(self._rows.index(sequence), length)
            self.prefixes.add(_namespace(sequence), sequence.cached_tokens[:length], saved)

    def _release(self, sequence: Sequence) -> None:
        with self._wake:
            if sequence.adapter:
                self.adapters.release(sequence.adapter)
            self._shares.forget_all_but(self._active_users())

    def _take_waiting(self) -> list[Sequence]:
        with self._wake:
            waiting, self._waiting = self._waiting, []
        return waiting

    def _fail(self, sequences: Items[Sequence], reason: str) -> None:
        for sequence in sequences:
            if not sequence.is_guide:
                sequence.send(GenerationError(reason))
                self._release(sequence)


def _runner_for(base: BaseModel, lora: LoraConfig, rows: int, context_length: int) -> Runner:
    family = family_of(base.model.config)
    if family and is_frozen(base.model) and base.device.type == "cpu":
        return CompiledLlama(base.model, family, lora, rows, context_length)
    if family:
        return FusedLlama(base.model, lora, rows, context_length)
    return GeneralRunner(base, lora, rows)


def _guide(sequence: Sequence, prompt_ids: tuple[int, ...]) -> Sequence:
    """The second sequence of a guided reply, with the same adapter."""
    guide = Sequence(
        prompt_ids,
        sequence.params,
        sequence.user,
        sequence.adapter,
        sequence.text,
        sequence.send,
        prefix_scope=sequence.prefix_scope,
        is_guide=True,
    )
    guide.loading = sequence.loading
    return guide


def _begun_first(sequences: Iterable[Sequence]) -> Sequence:
    """The first that is partly written, else the first."""
    return max(sequences, key=lambda sequence: bool(sequence.output))


def _chunk(row: int, sequence: Sequence, share: int) -> Chunk:
    """The next `share` tokens of a sequence, or less: all of a chunk is scored, or nothing."""
    start = sequence.num_cached
    end = start + share
    is_scored = bool(sequence.scored) and start >= sequence.first_scored
    if is_scored:
        end = min(end, start + SCORED_CHUNK)
    elif sequence.scored:
        end = min(end, sequence.first_scored)
    is_last = end == start + sequence.num_uncached
    return Chunk(row, start, sequence.tokens[start:end], is_last, is_scored)


def _unscored_part(sequence: Sequence) -> tuple[int, ...]:
    """The tokens of which a saved prefix may be used: no more than leaves all scored ones to do."""
    return sequence.tokens[: sequence.first_scored + 1] if sequence.scored else sequence.tokens


def _namespace(sequence: Sequence) -> str | None:
    """A sequence may read only keys and values of its scope and of its own immutable adapter.

    The scope counts with an adapter, too: all users have the organisation's.
    """
    folder = None if sequence.adapter is None else sequence.adapter.folder
    names = (folder, sequence.prefix_scope)
    return " ".join(filter(None, names)) or None
