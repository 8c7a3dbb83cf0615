"""`POST /v1/completions`: the answer to one text, for clients that know no chats."""

from functools import partial

from fastapi import APIRouter, Request, Response

from server.auth import App, Caller, KeyedRoute
from server.chat.answer import answer
from server.chat.text_form import TextForm
from server.chat.turn import plan_turn
from server.errors import errors, naming_params
from server.request_body import sends
from server.wire.shapes import TextCompletion
from server.wire.text_completions import TextRequest

router = APIRouter(prefix="/v1", route_class=KeyedRoute, tags=["completions"])


@router.post(
    "/completions",
    response_model=TextCompletion,
    responses={**sends("text/event-stream"), **errors(404, 410)},
)
async def create_completion(
    request: Request, body: TextRequest, caller: Caller, services: App
) -> Response:
    """Answer a text, which the chat template shows as one message of the user."""
    raw = await request.body()
    chat = body.chat_request()
    with naming_params({"messages": "prompt"}):
        return await answer(
            request,
            body,
            caller,
            services,
            plan=lambda: plan_turn(request, chat, raw, caller, services),
            form_of=partial(TextForm, wants_usage=body.wants_usage),
        )
