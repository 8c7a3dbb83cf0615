"""`/v1/chats`: the user's conversations, to list, search, open, rename and delete."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from feedback.records import Chat, Interaction
from feedback.store.chats import derived_title
from feedback.threads import threaded
from server.auth import App, KeyedRoute, User
from server.chat.chat_ids import conversation_of
from server.errors import errors
from server.running_replies import Running
from server.services import Services
from server.wire.paging import IdFilter, PageLimit
from server.wire.requests import MAX_LABEL_LENGTH, ChatMessages, ChatUpdate
from server.wire.responses import Json, chat_json, page, turn_json
from server.wire.shapes import ChatItem, ChatTurns, DeletedExchanges, Page

AT_ONCE = 200
MAX_WORDS = 200

router = APIRouter(
    prefix="/v1/chats", route_class=KeyedRoute, tags=["chats"], responses=errors(404, 410)
)

ChatId = Annotated[
    str,
    Path(max_length=MAX_LABEL_LENGTH, description="`X-Loralei-Chat` or `X-Loralei-Chat-Id`."),
]


@router.get("", response_model=Page[ChatItem])
async def list_chats(
    user: User,
    services: App,
    after: IdFilter = None,
    limit: PageLimit = 20,
    words: Annotated[str | None, Query(max_length=MAX_WORDS)] = None,
) -> Json:
    """My chats, the last used first, page by page; with `words` those that contain them.

    Before the first page stand those whose first reply is being written.
    """

    def read() -> Json:
        begun = _begun_chats(services, user.id) if after is None and not words else []
        log = services.stores.log
        found, has_more = log.chats(user.id, after=after, limit=limit, words=words)
        known = {each.id for each in found}
        begun = [each for each in begun if each.id not in known]
        return page([chat_json(each) for each in (*begun, *found)], has_more)

    return await services.heavy_reads.run(user.id, read)


@router.get("/{chat_id}", response_model=ChatTurns)
async def read_chat(chat_id: ChatId, user: User, services: App) -> Json:
    """One chat with its turns as a tree: each names the turn whose reply it continues."""
    return await services.heavy_reads.run(user.id, lambda: _read(services, user.id, chat_id))


@router.patch("/{chat_id}", response_model=ChatItem)
def rename_chat(chat_id: ChatId, body: ChatUpdate, user: User, services: App) -> Json:
    """Give a chat a title; null: the beginning of its first message."""
    log = services.stores.log
    with services.stores.database.atomic():
        services.accounts.find(user.id)  # not erased meanwhile
        return chat_json(
            log.rename_chat(user.id, conversation_of(log, user.id, chat_id), body.title)
        )


@router.delete("", response_model=DeletedExchanges)
async def delete_chats(user: User, services: App) -> Json:
    """Delete all exchanges with their feedback; the next training does not use them."""

    def delete() -> int:
        deleted = 0
        services.running.discard(user.id)
        services.unstored.discard(user.id)
        while count := services.stores.log.delete_some(user.id, AT_ONCE):
            deleted += count
        return deleted

    return _deleted(services, await services.heavy_reads.run(user.id, delete))


@router.delete("/{chat_id}", response_model=DeletedExchanges)
async def delete_chat(chat_id: ChatId, user: User, services: App) -> Json:
    """Delete the exchanges of one chat and the feedback on them."""
    return await _delete_from(services, user.id, chat_id)


@router.put("/{chat_id}/messages", response_model=DeletedExchanges)
async def keep_messages(chat_id: ChatId, body: ChatMessages, user: User, services: App) -> Json:
    """Delete the replies of a chat that are no longer among its messages.

    Replies without a message id stay; the chat's background requests go, too.
    """
    return await _delete_from(services, user.id, chat_id, body.message_ids)


def _read(services: Services, user_id: str, chat_id: str) -> Json:
    log = services.stores.log
    # Before the stored turns: a reply that ends meanwhile is among them.
    unfinished = [each.interaction() for each in _running(services, user_id, chat_id)]
    conversation = conversation_of(log, user_id, chat_id)
    if unfinished and not log.has_chat(user_id, conversation):
        chat = _begun(unfinished[0])
    else:
        chat = log.chat(user_id, conversation)
    turns, feedback = log.turns_of_chat(user_id, chat.id)
    stored = {each.id for each in turns}
    unfinished = [each for each in unfinished if each.id not in stored]
    written = [
        turn_json(each, [item for item in feedback if item.completion_id == each.interaction.id])
        for each in threaded([*turns, *unfinished], feedback)
    ]
    for turn in written[len(turns) :]:
        turn |= {"status": "writing", "finish_reason": None}
    return chat_json(chat) | {"turns": written, "has_more": len(turns) < chat.replies}


def _running(services: Services, user_id: str, chat_id: str) -> list[Running]:
    """The unfinished replies of a chat; its own id is unknown until the first one is stored."""
    conversation = conversation_of(services.stores.log, user_id, chat_id)
    found = services.running.of_chat(user_id, chat_id)
    return found or services.running.of_chat(user_id, conversation)


def _begun_chats(services: Services, user_id: str) -> list[Chat]:
    """Chats of which nothing is stored yet, the newest first."""
    has_chat = services.stores.log.has_chat
    turns = [each.interaction() for each in services.running.of_user(user_id)]
    begun = {each.conversation_id: _begun(each) for each in reversed(turns)}
    return [chat for chat in begun.values() if not has_chat(user_id, chat.id)]


def _begun(turn: Interaction) -> Chat:
    said = next((each.content for each in turn.messages if each.role == "user"), "")
    at = turn.created_at
    return Chat(turn.conversation_id, derived_title(said), at, at, replies=0)


async def _delete_from(
    services: Services, user_id: str, chat_id: str, except_messages: list[str] | None = None
) -> Json:
    log = services.stores.log

    def delete() -> int:
        conversation = conversation_of(log, user_id, chat_id)
        if except_messages is None:
            for each in _running(services, user_id, chat_id):
                each.discard()
            services.unstored.discard(user_id, {chat_id, conversation})
        return log.delete_conversation(user_id, conversation, except_messages)

    return _deleted(services, await services.heavy_reads.run(user_id, delete))


def _deleted(services: Services, count: int) -> Json:
    services.stores.database.checkpoint()  # deleted text leaves the write-ahead log, too
    return {"object": "chat.exchanges.deleted", "deleted": count}
