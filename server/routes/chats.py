"""`/v1/chats`: deletes what a frontend's user has deleted there, by the frontend's own ids."""

from typing import Annotated

from fastapi import APIRouter, Path

from feedback.conversation import conversation_id
from server.auth import App, KeyedRoute, User
from server.errors import errors
from server.services import Services
from server.wire.requests import MAX_LABEL_LENGTH, ChatMessages
from server.wire.responses import Json
from server.wire.shapes import DeletedExchanges

AT_ONCE = 200

router = APIRouter(
    prefix="/v1/chats", route_class=KeyedRoute, tags=["chats"], responses=errors(404, 410)
)

ChatId = Annotated[str, Path(max_length=MAX_LABEL_LENGTH)]


@router.delete("", response_model=DeletedExchanges)
def delete_chats(user: User, services: App) -> Json:
    """Delete all exchanges with their feedback; the next training does not use them."""
    deleted = 0
    while count := services.stores.log.delete_some(user.id, AT_ONCE):
        deleted += count
    return _deleted(services, deleted)


@router.delete("/{chat_id}", response_model=DeletedExchanges)
def delete_chat(chat_id: ChatId, user: User, services: App) -> Json:
    """Delete the exchanges of one chat, the one that `X-Loralei-Chat-Id` named."""
    deleted = services.stores.log.delete_conversation(
        user.id, conversation_id(user.id, chat_id, ())
    )
    return _deleted(services, deleted)


@router.put("/{chat_id}/messages", response_model=DeletedExchanges)
def keep_messages(chat_id: ChatId, body: ChatMessages, user: User, services: App) -> Json:
    """Delete the replies of a chat that are no longer among its messages.

    Replies without a message id stay; the chat's background requests go, too.
    """
    deleted = services.stores.log.delete_conversation(
        user.id, conversation_id(user.id, chat_id, ()), body.message_ids
    )
    return _deleted(services, deleted)


def _deleted(services: Services, count: int) -> Json:
    services.stores.database.checkpoint()  # deleted text leaves the write-ahead log, too
    return {"object": "chat.exchanges.deleted", "deleted": count}
