"""`/v1/me/chats`: the user's conversations, to list, search, open, rename and delete."""

from typing import Annotated

from fastapi import APIRouter, Query

from feedback.threads import threaded
from server.auth import App, KeyedRoute, User
from server.errors import errors
from server.services import Services
from server.wire.paging import IdFilter, PageLimit
from server.wire.requests import ChatUpdate
from server.wire.responses import Json, chat_json, page, turn_json
from server.wire.shapes import ChatItem, ChatTurns, Deleted, Page

MAX_WORDS = 200

router = APIRouter(
    prefix="/v1/me/chats", route_class=KeyedRoute, tags=["me"], responses=errors(404, 410)
)


@router.get("", response_model=Page[ChatItem])
async def list_chats(
    user: User,
    services: App,
    after: IdFilter = None,
    limit: PageLimit = 20,
    words: Annotated[str | None, Query(max_length=MAX_WORDS)] = None,
) -> Json:
    """My chats, the last used first, page by page; with `words` those that contain them."""
    found, has_more = await services.heavy_reads.run(
        user.id,
        lambda: services.stores.log.chats(user.id, after=after, limit=limit, words=words),
    )
    return page([chat_json(each) for each in found], has_more)


@router.get("/{chat_id}", response_model=ChatTurns)
async def read_chat(chat_id: str, user: User, services: App) -> Json:
    """One chat with its turns as a tree: each names the turn whose reply it continues."""
    return await services.heavy_reads.run(user.id, lambda: _read(services, user.id, chat_id))


@router.patch("/{chat_id}", response_model=ChatItem)
def rename_chat(chat_id: str, body: ChatUpdate, user: User, services: App) -> Json:
    """Give a chat a title; null: the beginning of its first message."""
    with services.stores.database.atomic():
        services.accounts.find(user.id)  # not erased meanwhile
        renamed = services.stores.log.rename_chat(user.id, chat_id, body.title)
    return chat_json(renamed)


@router.delete("/{chat_id}", response_model=Deleted)
async def delete_chat(chat_id: str, user: User, services: App) -> Json:
    """Delete a chat and the feedback on it; the next training does not use them."""
    await services.heavy_reads.run(user.id, lambda: _delete(services, user.id, chat_id))
    return {"object": "chat.deleted", "id": chat_id, "deleted": True}


def _read(services: Services, user_id: str, chat_id: str) -> Json:
    log = services.stores.log
    chat = log.chat(user_id, chat_id)
    turns, feedback = log.turns_of_chat(user_id, chat_id)
    written = [
        turn_json(each, [item for item in feedback if item.completion_id == each.interaction.id])
        for each in threaded(turns, feedback)
    ]
    return chat_json(chat) | {"turns": written, "has_more": len(turns) < chat.replies}


def _delete(services: Services, user_id: str, chat_id: str) -> None:
    services.stores.log.delete_chat(user_id, chat_id)
    services.stores.database.checkpoint()  # deleted text leaves the write-ahead log, too
