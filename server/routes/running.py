"""Replies that are being written: their users read them again, or stop them."""

from functools import partial

from fastapi import APIRouter, Response

from server.auth import App, KeyedRoute, User
from server.chat.answer import read_again
from server.chat.chat_form import ChatForm
from server.chat.running import RunningReply
from server.errors import RequestError, errors
from server.request_body import sends
from server.services import Services
from server.wire.responses import Json
from server.wire.shapes import CancelledReply

router = APIRouter(
    prefix="/v1/chat/completions/{completion_id}",
    route_class=KeyedRoute,
    tags=["chat"],
    responses=errors(404),
)


@router.get("/events", response_class=Response, responses=sends("text/event-stream"))
async def read_running(completion_id: str, user: User, services: App) -> Response:
    """A resumable reply that is being written: what there is of it, then the rest."""
    running = _own(services, user.id, completion_id)
    return read_again(running, partial(ChatForm, wants_usage=True))


@router.post("/cancel", response_model=CancelledReply)
async def cancel_running(completion_id: str, user: User, services: App) -> Json:
    """Stop a resumable reply that is being written. It is stored as far as it came."""
    await _own(services, user.id, completion_id).cancel()
    return {"object": "chat.completion.cancelled", "id": completion_id, "cancelled": True}


def _own(services: Services, user_id: str, completion_id: str) -> RunningReply:
    found = services.running.find(user_id, completion_id)
    if found is None:
        message = f"No reply {completion_id!r} is being written. One that has ended is stored."
        raise RequestError(404, message)
    assert isinstance(found, RunningReply)
    return found
