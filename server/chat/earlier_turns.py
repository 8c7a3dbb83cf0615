"""What a request for a response continues: stored turns of the same user."""

from fastapi import Request

from feedback.errors import NotFoundError
from feedback.records import Interaction
from server.accounts.accounts import Account, UnknownAccountError
from server.auth import enter, named_by_frontend
from server.services import Services
from server.wire.reply_ids import completion_id
from server.wire.requests import ChatRequest
from server.wire.responses_api.conversion import StoredReply, chat_request
from server.wire.responses_api.requests import ResponsesRequest


def with_earlier_turns(
    request: Request, body: ResponsesRequest, caller: Account, services: Services
) -> ChatRequest:
    """The chat request that a request for a response is; reads the turns that it names.

    Raises:
        NotFoundError: the user has no such turn.
        RequestError: there are too many messages or calls.
    """
    user_id = _user_id(request, body, caller, services)
    log = services.stores.log

    def find_reply(wanted: str) -> StoredReply | None:
        return None if user_id is None else log.reply(user_id, wanted)

    previous: Interaction | None = None
    if body.previous_response_id is not None:
        try:
            previous = log.interaction(user_id or "", completion_id(body.previous_response_id))
        except NotFoundError as error:
            message = (
                f"There is no response {body.previous_response_id!r}: it was never stored, or was"
                " deleted. Send its messages as input."
            )
            raise NotFoundError(message, "previous_response_id") from error
    return chat_request(body, previous, find_reply)


def _user_id(
    request: Request, body: ResponsesRequest, caller: Account, services: Services
) -> str | None:
    """The user whose turns may be named; None if a frontend names nobody, or somebody new."""
    if not caller.is_frontend:
        return caller.id
    named = named_by_frontend(request, services, caller, body.identity)
    if named is None:
        return None
    try:
        return enter(request, services, services.accounts.known_user(caller, named.id)).id
    except UnknownAccountError:
        return None
