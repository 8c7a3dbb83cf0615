"""Identifies conversations, and tells chat turns from background requests of frontends. Pure."""

import json
import re
from collections.abc import Sequence
from hashlib import sha256

from feedback.records import InteractionKind, Message

TEMPORARY_PREFIXES = ("temporary:", "local:")
CHANNEL_PREFIX = "channel:"
TASK_PREFIX = "### Task:"
CONVERSATION_ID = re.compile(r"[0-9a-f]{64}")
# Both of LibreChat's default title prompts say so, one with hyphens and one without.
TITLE_LENGTH = re.compile(r"\b5[- ]words?[- ]or[- ]less\b", re.IGNORECASE)


def conversation_id(user_id: str, chat_id: str | None, messages: Sequence[Message]) -> str:
    """64 hex digits: the same for every turn of a conversation, different for other users.

    Without a chat id, turns with the same system and first user message are one conversation.
    """
    if chat_id:
        key: tuple[str | None, ...] = ("chat", user_id, chat_id)
    else:
        key = ("opening", user_id, _first(messages, "system"), _first(messages, "user"))
    return sha256(json.dumps(key).encode()).hexdigest()


def is_conversation_id(chat_id: str) -> bool:
    """Whether this looks like an id that `conversation_id` made."""
    return CONVERSATION_ID.fullmatch(chat_id) is not None


def classify(
    messages: Sequence[Message],
    *,
    task: str | None,
    chat_id: str | None,
    is_streamed: bool,
) -> InteractionKind:
    """Whether a request is a user's turn or a background request, such as for a chat's title.

    `task` is what the frontend says: the name of its task, empty for a user's turn, None if it
    says nothing. Only then does the text decide. A channel has several speakers, so it counts as
    background.
    """
    if task or (chat_id or "").startswith(CHANNEL_PREFIX):
        return InteractionKind.BACKGROUND
    if task is None and not is_streamed and _is_background(messages):
        return InteractionKind.BACKGROUND
    return InteractionKind.CHAT


def is_temporary(chat_id: str | None) -> bool:
    """Whether nothing of this chat may be stored."""
    return (chat_id or "").startswith(TEMPORARY_PREFIXES)


def _is_background(messages: Sequence[Message]) -> bool:
    """Whether an unstreamed request is a task of Open WebUI or a title request of LibreChat.

    LibreChat asks for a title with the message id of the reply, and cannot say what it asks for.
    """
    turns = [message for message in messages if message.role != "system"]
    if len(turns) != 1 or turns[0].role != "user":
        return False
    text = turns[0].content.lstrip()
    is_title = "title" in text.lower() and TITLE_LENGTH.search(text) is not None
    return text.startswith(TASK_PREFIX) or is_title


def _first(messages: Sequence[Message], role: str) -> str | None:
    return next((message.content for message in messages if message.role == role), None)
