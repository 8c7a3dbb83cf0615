"""`POST /v1/chat/completions`: a conversation, answered by the user's own adapter."""

from functools import partial

from fastapi import APIRouter, Request, Response

from server.auth import App, Caller, KeyedRoute
from server.chat.answer import answer
from server.chat.chat_form import ChatForm
from server.chat.turn import plan_turn
from server.errors import errors
from server.request_body import sends
from server.wire.requests import ChatRequest
from server.wire.shapes import Completion

router = APIRouter(prefix="/v1", route_class=KeyedRoute, tags=["chat"])


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
    return await answer(
        request,
        body,
        caller,
        services,
        plan=lambda: plan_turn(request, body, raw, caller, services),
        form_of=partial(ChatForm, wants_usage=body.wants_usage),
    )
