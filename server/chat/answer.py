"""One answer from the request to its last byte, in any API: plan, queue, send, store."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Protocol

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from server.accounts.accounts import Account
from server.auth import named_by_frontend
from server.chat.recording import Recorder
from server.chat.replies import ChoiceDelta, Replies
from server.chat.running import ReplyStoppedError, RunningReply
from server.chat.streaming import PING, PING_SECONDS, EventStream
from server.chat.turn import Turn
from server.services import Services
from server.wire.requests import AnsweredRequest
from server.wire.responses import Json

DISCONNECT_POLL = 0.1
CLIENT_CLOSED_REQUEST = 499

_log = logging.getLogger(__name__)


class AnswerForm(Protocol):
    """How an API writes an answer: whole, or as a stream of events."""

    def whole(self) -> Json:
        """The body of an answer that has ended."""

    def begin(self) -> Iterable[str]:
        """The events before the first text."""

    def delta(self, delta: ChoiceDelta) -> Iterable[str]:
        """The events of new text or calls."""

    def end(self) -> Iterable[str]:
        """The events after the last text; the exchange is stored."""

    def failure(self, error: Exception) -> Iterable[str]:
        """The events that end a stream in which something failed."""


FormOf = Callable[[Turn, Replies, Recorder], AnswerForm]


async def answer(
    request: Request,
    body: AnsweredRequest,
    caller: Account,
    services: Services,
    plan: Callable[[], Turn],
    form_of: FormOf,
) -> Response:
    """Answer with the user's own adapter, and store the exchange.

    `plan` runs in a worker thread. Errors are raised before the first byte, or end the stream.
    """
    planner = caller.id
    if caller.is_frontend:
        named = named_by_frontend(request, services, caller, body.identity)
        planner += f" {named and named.id}"
    turn = await services.planning.run(planner, plan)
    replies = Replies(services.runtime.engine, turn)  # an overload is raised before the first byte
    recorder = Recorder(services, turn, replies)
    form = form_of(turn, replies, recorder)
    headers = _adapter_headers(turn)
    if turn.is_stored:
        headers["x-loralei-chat"] = turn.conversation_id
    if turn.user is None:
        services.anonymous.add(caller)
        headers["x-loralei-user"] = "anonymous"
    if body.stream and turn.is_resumable:
        running = RunningReply(services, turn, replies, recorder)
        deltas = running.deltas(PING_SECONDS)
        return EventStream(_stream(form, deltas), on_end=running.leave, headers=headers)
    if body.stream:
        deltas = _until_stored(replies, recorder)
        return EventStream(_stream(form, deltas), on_end=recorder.close, headers=headers)
    try:
        if not await _finish(request, replies):
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        await recorder.complete()
    finally:
        await recorder.close()
    return JSONResponse(form.whole(), headers=headers)


def read_again(running: RunningReply, form_of: FormOf) -> Response:
    """A stream of a reply that is being written, from its beginning."""
    running.join()
    form = form_of(running.turn, running.replies, running.recorder)
    headers = {**_adapter_headers(running.turn), "x-loralei-chat": running.conversation_id}
    events = _stream(form, running.deltas(PING_SECONDS))
    return EventStream(events, on_end=running.leave, headers=headers)


def _adapter_headers(turn: Turn) -> dict[str, str]:
    organisation = turn.organisation
    return {
        "x-loralei-adapter": turn.adapter_label,
        **({"x-loralei-organisation": organisation.label} if organisation else {}),
    }


async def _until_stored(
    replies: Replies, recorder: Recorder
) -> AsyncGenerator[ChoiceDelta | None, None]:
    async for delta in replies.deltas(PING_SECONDS):
        yield delta
    # Before the client knows that the reply is complete: its feedback must find the turn.
    await recorder.complete()


async def _stream(
    form: AnswerForm, deltas: AsyncGenerator[ChoiceDelta | None, None]
) -> AsyncGenerator[str, None]:
    for event in form.begin():
        yield event
    try:
        async for delta in deltas:
            if delta is None:
                yield PING
                continue
            for event in form.delta(delta):
                yield event
    except Exception as error:  # the status is sent already, so the stream reports the error
        if not isinstance(error, ReplyStoppedError):
            _log.exception("a streamed reply failed")
        for event in form.failure(error):
            yield event
        return
    for event in form.end():
        yield event


async def _finish(request: Request, replies: Replies) -> bool:
    """Wait for every choice; False if the client goes away first."""
    reading = asyncio.create_task(_drain(replies))
    try:
        while True:
            await asyncio.wait([reading], timeout=DISCONNECT_POLL)
            if reading.done():
                reading.result()
                return True
            if await request.is_disconnected():
                return False
    finally:
        reading.cancel()


async def _drain(replies: Replies) -> None:
    async for _ in replies.deltas(PING_SECONDS):
        pass
