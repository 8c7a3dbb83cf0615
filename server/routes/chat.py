"""`POST /v1/chat/completions`: plan the turn, queue the replies, stream them or send them whole."""

import asyncio
import logging
from collections.abc import AsyncGenerator

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from server.auth import App, Caller, KeyedRoute, named_by_frontend
from server.chat import streaming
from server.chat.recording import Recorder
from server.chat.replies import Replies
from server.chat.streaming import EventStream, event
from server.chat.turn import Turn, plan_turn
from server.errors import ErrorEnvelope, RequestError, errors
from server.request_body import sends
from server.wire.requests import ChatRequest
from server.wire.responses import (
    choice_json,
    logprobs_json,
    message_json,
    tool_calls_json,
    usage_json,
)
from server.wire.shapes import Completion

DISCONNECT_POLL = 0.1
CLIENT_CLOSED_REQUEST = 499

router = APIRouter(prefix="/v1", route_class=KeyedRoute, tags=["chat"])
_log = logging.getLogger(__name__)


@router.post(
    "/chat/completions",
    response_model=Completion,
    responses={**sends("text/event-stream"), **errors(404, 410)},
)
async def create_chat_completion(
    request: Request, body: ChatRequest, caller: Caller, services: App
) -> Response:
    """Answer a conversation with the user's own adapter, and store the exchange."""
    raw = await request.body()
    planner = caller.id
    if caller.is_frontend:
        planner += f" {named_by_frontend(request, services, body.identity)}"
    turn = await services.planning.run(
        planner, lambda: plan_turn(request, body, raw, caller, services)
    )
    replies = Replies(services.runtime.engine, turn)  # an overload is raised before the first byte
    recorder = Recorder(services, turn, replies)
    headers = {"x-loralei-adapter": turn.adapter_label}
    if turn.is_stored:
        headers["x-loralei-chat"] = turn.conversation_id
    if turn.user is None:
        services.anonymous.add(caller)
        headers["x-loralei-user"] = "anonymous"
    if body.stream:
        wants_usage = bool(body.stream_options and body.stream_options.include_usage)
        events = _stream(turn, replies, recorder, wants_usage)
        return EventStream(events, on_end=recorder.close, headers=headers)
    try:
        if not await _finish(request, replies):
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        await recorder.complete()
    finally:
        await recorder.close()
    return JSONResponse(_whole(turn, replies, recorder), headers=headers)


@router.post("/responses", status_code=404, response_model=ErrorEnvelope)
async def refuse_responses() -> Response:
    """Name the route to use: some SDKs call this one by default."""
    raise RequestError(404, "/v1/responses is not available here. Use POST /v1/chat/completions.")


async def _stream(
    turn: Turn, replies: Replies, recorder: Recorder, wants_usage: bool
) -> AsyncGenerator[str, None]:
    for index in range(turn.num_choices):
        yield event(streaming.role_chunk(turn, index))
    try:
        async for delta in replies.deltas(streaming.PING_SECONDS):
            if delta is None:
                yield streaming.PING
                continue
            for chunk in streaming.delta_chunks(turn, delta):
                yield event(chunk)
        # Before the client knows that the reply is complete: its feedback must find the turn.
        await recorder.complete()
    except Exception as error:  # the status is sent already, so the stream reports the error
        _log.exception("a streamed reply failed")
        yield streaming.error_event(error)
        return
    for index, choice in enumerate(replies.choices):
        assert choice.finish_reason is not None
        yield event(streaming.finish_chunk(turn, index, choice.finish_reason, recorder.not_stored))
    if wants_usage:
        yield event(streaming.usage_chunk(turn, replies))
    yield streaming.DONE


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
    async for _ in replies.deltas(streaming.PING_SECONDS):
        pass


def _whole(turn: Turn, replies: Replies, recorder: Recorder) -> dict[str, object]:
    return {
        "id": turn.id,
        "object": "chat.completion",
        "created": turn.created,
        "model": turn.model,
        "choices": [
            choice_json(
                index,
                message_json(
                    choice.content,
                    tool_calls_json(turn.id, index, choice.tool_calls),
                    choice.reasoning,
                ),
                choice.finish_reason or "",
                logprobs_json(choice.logprobs),
            )
            for index, choice in enumerate(replies.choices)
        ],
        "usage": usage_json(
            len(turn.prompt_ids), replies.completion_tokens, replies.reasoning_tokens
        ),
        "loralei": streaming.loralei_json(turn, recorder.not_stored),
    }
