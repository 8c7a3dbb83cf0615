"""The engine that asks vLLM servers: queue, placement, retries. All HTTP is on one thread."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from adapters_store.base_model import BaseOutline, Renderer
from adapters_store.errors import AdapterInvalidError, AdapterNotFoundError
from adapters_store.files import AdapterFiles
from adapters_store.reasoning import NO_THINKING, TemplateOption
from adapters_store.records import LoraConfig, ServableAdapter
from adapters_store.rendering.turns import ChatMessage, Tool
from server.engine.detokenizer import TextStream
from server.engine.errors import (
    ContextOverflowError,
    EngineOverloadedError,
    GenerationError,
)
from server.engine.generation import Generation, event_queue
from server.engine.grammar import GrammarCompiler
from server.engine.queue_limits import check_room
from server.engine.records import SamplingParams, TextDelta
from server.engine.scheduling import OUTPUT_WEIGHT, FairShare
from server.engine.sequence import Sequence
from server.engine.vllm.adapter_links import AdapterLinks, name_of
from server.engine.vllm.admission import next_sequence
from server.engine.vllm.check import describe
from server.engine.vllm.client import VllmClient
from server.engine.vllm.errors import (
    AdapterGoneError,
    RefusedError,
    ServerFailedError,
    ServerGoneError,
    UnsuitableServerError,
)
from server.engine.vllm.placement import ranked
from server.engine.vllm.server import VllmServer, remove_unused_links
from server.engine.vllm.wire import can_continue, completion_body, scores, scoring_body

MOST_TRIES = 4
CHECK_SECONDS = 2.0
NO_SERVER_SECONDS = 10.0
"""Requests wait so long for a server if there is none."""

_STOPPING = "The server is shutting down."
_NO_SERVER = "No vLLM server answers. Try again shortly."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VllmConfig:
    """The servers, and sizes; lengths are in tokens. `context_length` 0 means the model's own.

    Each server writes `max_batch_size` replies at the same time. `links` is a folder on the file
    system of the adapters' files, which the servers can read.
    """

    urls: tuple[str, ...]
    links: Path
    api_key: str | None = None
    max_batch_size: int = 16
    queue_limit: int = 256
    user_queue_limit: int = 32
    context_length: int = 0


@dataclass(slots=True, eq=False)
class _Request:
    """A request, and its sequence; `tried` are the servers. If what is written cannot be gone on
    with, the next try makes the sequence anew."""

    make: Callable[[], Sequence]
    sequence: Sequence
    tried: list[VllmServer] = field(default_factory=list)
    has_text: bool = False
    task: asyncio.Task[None] | None = None


class VllmEngine:
    """Lets vLLM servers write replies, each with its own adapter version.

    An adapter has a preferred server; others get its requests if that one is full or fails. They
    go on with a reply where the failed one stopped.
    """

    def __init__(
        self,
        outline: BaseOutline,
        lora: LoraConfig,
        files: AdapterFiles,
        config: VllmConfig,
        *,
        model_folder: Path,
    ) -> None:
        self.outline = outline
        self.config = config
        self._context_length = min(
            config.context_length or outline.context_length, outline.context_length
        )
        self._links = AdapterLinks(config.links, files)
        self._servers = {
            url: VllmServer(
                VllmClient(url, config.api_key),
                outline,
                lora,
                model_folder=model_folder,
                links=self._links,
            )
            for url in config.urls
        }
        self._shares = FairShare()
        self._waiting: list[_Request] = []
        self._running: dict[_Request, VllmServer] = {}
        self._lock = threading.RLock()
        self._is_stopping = False
        self._last_up = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vllm", daemon=True)
        self._watching: list[asyncio.Task[None]] = []

    @property
    def model_name(self) -> str:
        """The base model's name, as clients know it."""
        return self.outline.name

    @property
    def revision(self) -> str:
        """Identifies the base model's exact weights."""
        return self.outline.revision

    @property
    def renderer(self) -> Renderer:
        """From messages to token ids and back."""
        return self.outline.renderer

    @property
    def context_length(self) -> int:
        """Most tokens of a prompt and its reply together, on every server."""
        return self._context_length

    @property
    def vocabulary_size(self) -> int:
        """Width of the model's logits."""
        return self.outline.vocabulary_size

    @property
    def shapes(self) -> Mapping[str, tuple[int, int]]:
        """(out_features, in_features) of every linear that has an adapter, by module path."""
        return self.outline.shapes

    @cached_property
    def grammar_compiler(self) -> GrammarCompiler:
        """Made at first use, which takes about a second: do not use it on an event loop."""
        renderer = self.renderer
        return GrammarCompiler(renderer.tokenizer, renderer.eos_token_ids, self.vocabulary_size)

    @property
    def max_batch_size(self) -> int:
        """Most replies that are written at the same time, on all servers that answer."""
        return self.config.max_batch_size * max(1, len(self._up))

    @property
    def num_running(self) -> int:
        """Replies being written now."""
        return len(self._running)

    @property
    def num_waiting(self) -> int:
        """Requests that were not sent to a server yet."""
        return len(self._waiting)

    @property
    def is_busy(self) -> bool:
        """Whether any reply is running or waiting."""
        return bool(self._running or self._waiting)

    @property
    def num_resident_adapters(self) -> int:
        """How many adapters the servers know, over all servers."""
        return sum(server.adapters.num_known for server in self._servers.values())

    @property
    def adapter_loads(self) -> int:
        """How often a server loaded an adapter since the start."""
        return sum(server.adapters.loads for server in self._servers.values())

    @property
    def _up(self) -> list[VllmServer]:
        return [server for server in self._servers.values() if server.health.is_up]

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
        """Queue a reply: see `Engine.submit`. vLLM cannot guide it."""
        room = self.context_length - len(prompt_ids)
        if room < 1:
            raise ContextOverflowError(len(prompt_ids), self.context_length)
        params = replace(params, max_tokens=min(params.max_tokens, room))
        return self._queue(
            prompt_ids, params, adapter, user, is_background=is_background, scope=prefix_scope
        )

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
        """Queue a given reply: see `Engine.score`. vLLM wants one token of room behind it."""
        if not reply_ids:
            raise ValueError("there is nothing to score")
        length = len(prompt_ids) + len(reply_ids)
        if length >= self.context_length:
            raise ContextOverflowError(length, self.context_length)
        params = SamplingParams(temperature=0, logprobs=num_top)
        ids, scored = (*prompt_ids, *reply_ids), tuple(reply_ids)
        return self._queue(ids, params, adapter, user, is_background=is_background, scored=scored)

    def _queue(
        self,
        prompt_ids: Items[int],
        params: SamplingParams,
        adapter: ServableAdapter | None,
        user: str,
        *,
        is_background: bool,
        scored: tuple[int, ...] = (),
        scope: str | None = None,
    ) -> Generation:
        events, send = event_queue()
        since = time.monotonic() if is_background else None
        renderer, ids = self.renderer, tuple(prompt_ids)
        backend = renderer.tokenizer.backend_tokenizer

        def make() -> Sequence:
            text = TextStream(backend, params.stop, renderer.hidden_tags)
            return Sequence(
                ids,
                params,
                user,
                adapter,
                text,
                send,
                background_since=since,
                scored=scored,
                prefix_scope=scope,
            )

        request = _Request(make, make())
        with self._lock:
            self._check_room(request.sequence)
            self._shares.join(user, self._active_users())
            self._waiting.append(request)
        self._loop.call_soon_threadsafe(self._admit)
        return Generation(partial(self._cancel, request), events)

    def _check_room(self, sequence: Sequence) -> None:
        if self._is_stopping:
            raise EngineOverloadedError(_STOPPING)
        if not self._up:
            raise EngineOverloadedError(_NO_SERVER)
        check_room(
            sequence,
            [each.sequence for each in self._waiting],
            queue_limit=self.config.queue_limit,
            user_queue_limit=self.config.user_queue_limit,
        )

    def _cancel(self, request: _Request) -> None:
        """Drop a reply; vLLM stops writing it when its connection is closed."""
        with self._lock:
            request.sequence.is_cancelled = True
            if request in self._waiting:
                self._waiting.remove(request)
            is_running = request in self._running
        if is_running:
            with contextlib.suppress(RuntimeError):  # the engine has stopped
                self._loop.call_soon_threadsafe(_end, request)

    def start(self) -> None:
        """Check all servers, then answer.

        Raises `UnsuitableServerError`, a `ValueError`, for one that is of no use, and if none
        answers. Others may come later.
        """
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop answering; unfinished replies fail."""
        with self._lock:
            self._is_stopping = True
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result()
            self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _begin(self) -> None:
        servers = [*self._servers.values()]
        joined = await asyncio.gather(*(s.join() for s in servers), return_exceptions=True)
        found = [(s, error) for s, error in zip(servers, joined, strict=True) if error]
        for server, error in found:
            if not isinstance(error, ServerGoneError):
                message = describe(server.url, error) if isinstance(error, Exception) else ""
                raise UnsuitableServerError(message) from error
            server.note_failure(error)
        if not self._up:
            urls = ", ".join(self._servers)
            raise UnsuitableServerError(
                f"no vLLM server answers at {urls}: start one as docs/vllm.md says, or set `engine`"
                " to local"
            )
        lengths = [server.served.context_length for server in self._up if server.served]
        self._context_length = min([self._context_length, *lengths])
        remove_unused_links(self._links, servers)
        self._last_up = time.monotonic()
        looks: list[Callable[[], Awaitable[None]]]
        looks = [self._watch_over_all, *(partial(self._watch_over, each) for each in servers)]
        self._watching = [asyncio.create_task(_again_and_again(look)) for look in looks]

    async def _finish(self) -> None:
        for watching in self._watching:
            watching.cancel()
        with self._lock:
            requests = [*self._waiting, *self._running]
            self._waiting.clear()
        tasks = [each.task for each in requests if each.task]
        for request in requests:
            request.sequence.send(GenerationError(_STOPPING))
            request.sequence.is_cancelled = True
            _end(request)
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(server.client.close() for server in self._servers.values()))

    async def _watch_over(self, server: VllmServer) -> None:
        """Each server has its own watch: one that hangs keeps none of the others waiting."""
        await server.look_after(self.context_length)
        if not server.health.is_up:
            self._leave(server)
        await server.adapters.tidy(is_up=server.health.is_up)

    async def _watch_over_all(self) -> None:
        remove_unused_links(self._links, self._servers.values())
        self._fail_without_server()
        self._admit()

    def _leave(self, server: VllmServer) -> None:
        """End what a server that does not answer still has to write; it is tried elsewhere."""
        with self._lock:
            left = [request for request, where in self._running.items() if where is server]
        for request in left:
            _end(request)

    def _fail_without_server(self) -> None:
        now = time.monotonic()
        if self._up:
            self._last_up = now
        if now - self._last_up < NO_SERVER_SECONDS:
            return
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for request in waiting:
            request.sequence.send(EngineOverloadedError(_NO_SERVER))

    def _admit(self) -> None:
        """Send waiting requests to servers that have room."""
        with self._lock:
            while (with_room := self._with_room()) and (request := self._next()):
                self._waiting.remove(request)
                server = _preferred(request, with_room)
                self._running[request] = server
                server.num_running += 1
                request.tried.append(server)
                self._shares.charge(request.sequence.user, len(request.sequence.prompt_ids))
                request.task = self._loop.create_task(self._ask(request, server))
                # Not in the task itself: one that is cancelled before it starts runs no code.
                request.task.add_done_callback(partial(self._end_try, request, server))

    def _with_room(self) -> list[VllmServer]:
        most = self.config.max_batch_size
        return [server for server in self._up if server.num_running < most]

    def _next(self) -> _Request | None:
        waiting = {each.sequence: each for each in self._waiting}
        found = next_sequence(
            [*waiting],
            [each.sequence for each in self._running],
            self._shares,
            rows=self.max_batch_size,
            now=time.monotonic(),
        )
        return waiting[found] if found else None

    def _active_users(self) -> set[str]:
        return {each.sequence.user for each in (*self._waiting, *self._running)}

    def _end_try(self, request: _Request, server: VllmServer, task: asyncio.Task[None]) -> None:
        error = None if request.sequence.is_cancelled else _why_failed(task, server)
        if isinstance(error, ServerGoneError) and not isinstance(error, ServerFailedError):
            server.note_failure(error)
        with self._lock:
            self._running.pop(request, None)
            server.num_running -= 1
            request.task = None
            if isinstance(error, ServerGoneError):
                error = self._try_again(request, error)
            self._shares.forget_all_but(self._active_users())
        if error is not None:
            request.sequence.send(error)
        self._admit()

    def _try_again(self, request: _Request, error: Exception) -> Exception | None:
        """Let a request wait again, in front; the error if it would not be gone on with."""
        can_go_on = can_continue(request.sequence.params)
        if request.has_text and not can_go_on:
            return GenerationError("The vLLM server failed in the middle of this reply. Try again.")
        if len(request.tried) >= MOST_TRIES:
            log.error("a reply failed %d times, the last time: %s", MOST_TRIES, error)
            return GenerationError("The vLLM servers failed again and again. Try again later.")
        if not can_go_on:
            request.sequence = request.make()
        self._waiting.insert(0, request)
        return None

    async def _ask(self, request: _Request, server: VllmServer) -> None:
        sequence = request.sequence
        try:
            await self._ask_once(request, server)
        except AdapterGoneError:
            if sequence.adapter is None:
                raise
            # A restarted server has forgotten it.
            log.warning("%s does not know %s", server.url, name_of(sequence.adapter))
            server.adapters.forget(sequence.adapter)
            await self._ask_once(request, server)

    async def _ask_once(self, request: _Request, server: VllmServer) -> None:
        sequence = request.sequence
        async with server.model_for(sequence.adapter) as model:
            if sequence.scored:
                await self._score(sequence, server, model)
            else:
                await self._stream(request, server, model)

    async def _score(self, sequence: Sequence, server: VllmServer, model: str) -> None:
        num_top = sequence.params.logprobs or 0
        body = scoring_body(sequence.prompt_ids, num_top, model)
        answer = await server.client.complete(body)
        if event := sequence.add_scores(scores(answer, sequence.scored, num_top)):
            sequence.send(event)

    async def _stream(self, request: _Request, server: VllmServer, model: str) -> None:
        sequence, eos = request.sequence, self.renderer.eos_token_ids
        body = completion_body(sequence, model, eos)
        stream = server.client.stream(body, sequence.params.logprobs)
        async with contextlib.aclosing(stream) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                self._shares.charge(sequence.user, OUTPUT_WEIGHT * len(chunk.ids))
                for token, logprob in zip(chunk.ids, chunk.logprobs, strict=True):
                    if event := sequence.append(token, eos, logprob):
                        request.has_text = True
                        sequence.send(event)
                    if sequence.finish_reason:
                        return
                if chunk.finish_reason:
                    sequence.send(_last_delta(sequence, chunk.finish_reason))
                    return
        raise ServerGoneError("the stream ended early")


def _preferred(request: _Request, servers: Items[VllmServer]) -> VllmServer:
    """The adapter's own server among these; without one the server that writes least.

    One that has failed the request is the last choice.
    """
    servers = [server for server in servers if server not in request.tried] or servers
    adapter = request.sequence.adapter
    if adapter is None:
        return min(servers, key=lambda server: server.num_running)
    first = ranked(name_of(adapter), [server.url for server in servers])[0]
    return next(server for server in servers if server.url == first)


def _why_failed(task: asyncio.Task[None], server: VllmServer) -> Exception | None:
    """What a try failed with: a `ServerGoneError`, or the `GenerationError` for its user."""
    if task.cancelled():
        return ServerFailedError("it does not answer any more")
    reason = task.exception()
    if reason is None or isinstance(reason, ServerGoneError):
        return reason
    if isinstance(reason, RefusedError | AdapterGoneError | UnsuitableServerError):
        log.error("a request was refused by %s: %s", server.url, reason)
        return GenerationError("vLLM refused the request. The server's log says why.")
    if isinstance(reason, AdapterNotFoundError | AdapterInvalidError | OSError):
        log.error("an adapter could not be loaded: %s", reason)
        return GenerationError("This user's adapter could not be loaded.")
    log.error("a reply failed", exc_info=reason)
    return GenerationError(f"The engine failed: {type(reason).__name__}.")


async def _again_and_again(look: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            await look()
        except Exception:
            log.exception("the vLLM servers could not be looked after")


def _last_delta(sequence: Sequence, finish_reason: str) -> TextDelta:
    """The end of a reply that vLLM ended for a reason of its own, such as its limit of tokens."""
    reason = finish_reason if finish_reason in ("stop", "length") else "length"
    text = sequence.text.flush()
    return TextDelta(text, len(sequence.output), reason, tuple(sequence.unsent_logprobs))


def _end(request: _Request) -> None:
    if request.task:
        request.task.cancel()
