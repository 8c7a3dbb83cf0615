"""Server-sent events: the chunks of a stream, and a response that always cleans up."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict

import anyio
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from server.chat.replies import ChoiceDelta
from server.chat.turn import Turn
from server.errors import error_body
from server.wire.json_line import json_line
from server.wire.responses import Json, logprobs_json, tool_calls_json

PING = ": ping\n\n"
PING_SECONDS = 15.0
DONE = "data: [DONE]\n\n"
_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


class EventStream(StreamingResponse):
    """A stream of events that always calls `on_end`, even if the stream never began."""

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[str, None],
        on_end: Callable[[], Awaitable[None]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(events, headers={**_HEADERS, **(headers or {})})
        self._events = events
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until the end, or until the client goes away."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._events.aclose()
                if self._on_end is not None:
                    await self._on_end()


def event(data: Json) -> str:
    """One event."""
    return f"data: {json_line(data)}\n\n"


def error_event(error: Exception) -> str:
    """An error in the middle of a stream, in the one form that every client understands."""
    return event(error_body(error)[0])


def role_chunk(turn: Turn, index: int) -> Json:
    """The first delta of a choice; that of the first begins the stream and names the adapter.

    No `selected_model_id`: Open WebUI would count every version of every user as a model.
    """
    chunk = chat_chunk(turn, [chunk_choice(index, {"role": "assistant", "content": ""}, None)])
    return chunk | {"loralei": loralei_json(turn)} if index == 0 else chunk


def delta_chunks(turn: Turn, delta: ChoiceDelta) -> Iterator[Json]:
    """What is new of a choice: content and reasoning, then calls."""
    if delta.content or delta.reasoning or delta.logprobs:
        yield _content_chunk(turn, delta)
    if delta.tool_calls:
        yield _tool_calls_chunk(turn, delta)


def _content_chunk(turn: Turn, delta: ChoiceDelta) -> Json:
    logprobs = logprobs_json(delta.logprobs)
    new: Json = {"reasoning_content": delta.reasoning} if delta.reasoning else {}
    if delta.content or not new:
        new["content"] = delta.content
    return chat_chunk(turn, [chunk_choice(delta.index, new, None, logprobs)])


def _tool_calls_chunk(turn: Turn, delta: ChoiceDelta) -> Json:
    """Each call whole: its arguments are in one piece."""
    calls = tool_calls_json(turn.id, delta.index, delta.tool_calls, first=delta.first_call)
    written = [{"index": number, **call} for number, call in enumerate(calls, delta.first_call)]
    return chat_chunk(turn, [chunk_choice(delta.index, {"tool_calls": written}, None)])


def loralei_json(turn: Turn, not_stored: str | None = None) -> Json:
    """Our part of a response: the adapters, the memory in the prompt, the overridden rules, why a
    withdrawn version did not answer, and why the exchange was not stored, if so."""
    return {
        "adapter": turn.adapter_label,
        **({"organisation": turn.organisation.label} if turn.organisation else {}),
        "memory": asdict(turn.memory),
        "overridden_rules": [each.sentence for each in turn.overridden_rules],
        **({"withdrawn": turn.withdrawn} if turn.withdrawn else {}),
        **({"not_stored": not_stored} if not_stored else {}),
    }


def chat_chunk(turn: Turn, choices: list[Json]) -> Json:
    """A chunk with these choices."""
    return {
        "id": turn.id,
        "object": "chat.completion.chunk",
        "created": turn.created,
        "model": turn.model,
        "choices": choices,
    }


def chunk_choice(
    index: int, delta: Json, finish_reason: str | None, logprobs: Json | None = None
) -> Json:
    """What is new of a choice, and why it ended if it has."""
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
