"""The engine: schedule, run, postprocess, on one thread of its own.

It knows token ids, sampling and adapter versions; not users, HTTP or the database.
"""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace

import torch

from adapters_store.base_model import BaseModel, ChatMessage
from adapters_store.files import AdapterFiles
from adapters_store.lora import AdapterPool
from adapters_store.records import AdapterVersion, LoraConfig
from server.engine.batcher import Step, next_step
from server.engine.detokenizer import TextStream
from server.engine.runner import ModelRunner
from server.engine.sampler import sample
from server.engine.sequence import Event, SamplingParams, Sequence, TextDelta
from server.engine.slots import AdapterSlots

log = logging.getLogger(__name__)


class EngineOverloadedError(RuntimeError):
    """The queue is full or the engine is stopping; try again later."""


class ContextOverflowError(ValueError):
    """The prompt leaves no room for a reply."""

    def __init__(self, prompt_tokens: int, context_length: int) -> None:
        super().__init__(
            f"This model's maximum context length is {context_length} tokens, but the messages"
            f" have {prompt_tokens} tokens, which leaves no room for a reply. Shorten them."
        )
        self.prompt_tokens = prompt_tokens
        self.context_length = context_length


class GenerationError(RuntimeError):
    """The engine failed while writing this reply."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Sizes of the engine. `context_length` 0 means the model's own; lengths are in tokens."""

    max_batch_size: int = 16
    queue_limit: int = 256
    context_length: int = 0


class Generation:
    """One reply being written, for the event loop that asked for it: iterate over its text."""

    def __init__(self, sequence: Sequence, engine: "Engine", events: asyncio.Queue[Event]) -> None:
        self._sequence = sequence
        self._engine = engine
        self._events = events

    async def __aiter__(self) -> AsyncIterator[TextDelta]:
        """Yield text as it comes; the last delta has a finish reason.

        Raises `GenerationError` where the engine or the adapter's files failed.
        """
        while True:
            event = await self._events.get()
            if isinstance(event, Exception):
                raise event
            yield event
            if event.finish_reason:
                return

    def cancel(self) -> None:
        """Stop writing; the row is free within one step. Harmless after the end."""
        self._engine.cancel(self._sequence)


class Engine:
    """Writes many replies at once, each with its own adapter version.

    `submit` may be called from any event loop; all tensor work happens on the engine's thread.
    """

    def __init__(
        self, base: BaseModel, lora: LoraConfig, files: AdapterFiles, config: EngineConfig
    ) -> None:
        self.base = base
        self.config = config
        # One slot per row and the empty one: admission never waits for a slot.
        self.pool = AdapterPool(base.model, lora, num_slots=config.max_batch_size + 1)
        self.slots = AdapterSlots(self.pool, files)
        self._runner = ModelRunner(base, self.pool)
        self._running: list[Sequence] = []  # index = row of the cache
        self._waiting: deque[Sequence] = deque()
        self._previous = Step.WAIT
        self._wake = threading.Condition()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._main_loop, name="engine", daemon=True)

    @property
    def model_name(self) -> str:
        """The base model's name, as clients know it."""
        return self.base.name

    @property
    def context_length(self) -> int:
        """Tokens that a prompt and its reply may have together."""
        return min(self.config.context_length or self.base.context_length, self.base.context_length)

    @property
    def num_running(self) -> int:
        """Replies being written now."""
        return len(self._running)

    @property
    def num_waiting(self) -> int:
        """Requests that wait for a row."""
        return len(self._waiting)

    @property
    def is_busy(self) -> bool:
        """Whether any reply is waited for."""
        return bool(self._running or self._waiting)

    def render(self, messages: Items[ChatMessage]) -> list[int]:
        """Token ids of a conversation. Raises `PromptError` where the template refuses it."""
        return self.base.renderer.prompt_ids(messages)

    def submit(
        self, prompt: Items[int], params: SamplingParams, adapter: AdapterVersion | None
    ) -> Generation:
        """Queue a reply, pinned to this adapter version; the event loop must be running.

        Raises `ContextOverflowError` and `EngineOverloadedError`.
        """
        room = self.context_length - len(prompt)
        if room < 1:
            raise ContextOverflowError(len(prompt), self.context_length)
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event] = asyncio.Queue()

        def send(event: Event) -> None:
            with contextlib.suppress(RuntimeError):  # the client's loop has ended
                loop.call_soon_threadsafe(events.put_nowait, event)

        params = replace(params, max_tokens=min(params.max_tokens, room))
        text = TextStream(self.base.renderer.tokenizer.backend_tokenizer, params.stop)
        sequence = Sequence(tuple(prompt), params, adapter, text, send)
        with self._wake:
            if self._is_stopping or len(self._waiting) >= self.config.queue_limit:
                raise EngineOverloadedError("The server is at capacity. Try again shortly.")
            self._waiting.append(sequence)
            self._wake.notify()
        return Generation(sequence, self, events)

    def cancel(self, sequence: Sequence) -> None:
        """Drop a reply at the next step."""
        with self._wake:
            sequence.is_cancelled = True
            self._wake.notify()

    def start(self) -> None:
        """Start the engine's thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the current step; replies still being written fail."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _main_loop(self) -> None:
        while True:
            with self._wake:
                while not (self.is_busy or self._is_stopping):
                    self._runner.release()
                    self._wake.wait()
                if self._is_stopping:
                    break
            try:
                self.step()
            except Exception as error:
                # Only torch can fail here, out of memory for one: the replies of this step are
                # lost, the server is not.
                log.exception("engine step failed")
                self._fail_running(f"The model failed: {type(error).__name__}.")
        self._fail_running("The server is shutting down.")
        for sequence in self._waiting:
            sequence.send(GenerationError("The server is shutting down."))

    def step(self) -> None:
        """Advance by one forward pass."""
        self._drop_cancelled()
        step = next_step(
            waiting=len(self._waiting),
            running=len(self._running),
            max_rows=self.config.max_batch_size,
            previous=self._previous,
        )
        self._previous = step
        if step is Step.PREFILL:
            self._prefill()
        elif step is Step.DECODE:
            self._decode()

    def _prefill(self) -> None:
        with self._wake:
            sequence = self._waiting.popleft()
        try:
            sequence.slot = self.slots.acquire(sequence.adapter)
        except (LookupError, ValueError, OSError, RuntimeError) as error:
            log.error("an adapter could not be loaded: %s", error)
            sequence.send(GenerationError("This user's adapter could not be loaded."))
            return
        self._running.append(sequence)
        row = len(self._running) - 1
        logits = self._runner.prefill(sequence.prompt, row, sequence.slot)
        self._postprocess(logits, [sequence])

    def _decode(self) -> None:
        rows = list(self._running)
        logits = self._runner.decode(
            tokens=[s.output[-1] for s in rows],
            lengths=[s.num_cached for s in rows],
            slots=[s.slot for s in rows],
        )
        self._postprocess(logits, rows)

    def _postprocess(self, logits: torch.Tensor, sequences: Items[Sequence]) -> None:
        for sequence, token in zip(sequences, sample(logits, sequences), strict=True):
            delta = sequence.append(token, self.base.renderer.eos_token_ids)
            if delta:
                sequence.send(delta)
        for sequence in sequences:
            if sequence.finish_reason:
                self._remove(sequence)

    def _drop_cancelled(self) -> None:
        with self._wake:
            self._waiting = deque(s for s in self._waiting if not s.is_cancelled)
        for sequence in [s for s in self._running if s.is_cancelled]:
            self._remove(sequence)

    def _remove(self, sequence: Sequence) -> None:
        """Free the row and the slot; the last row moves into the gap, so rows stay packed."""
        row = self._running.index(sequence)
        last = self._running.pop()
        if last is not sequence:
            self._runner.move_row(len(self._running), row, last.num_cached)
            self._running[row] = last
        self.slots.release(sequence.slot)

    def _fail_running(self, reason: str) -> None:
        for sequence in self._running:
            sequence.send(GenerationError(reason))
            self.slots.release(sequence.slot)
        self._running.clear()
        self._runner.release()
