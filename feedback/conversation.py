"""Tells conversations apart, and chat from what frontends ask in the background. Pure."""

import json
import re
from collections.abc import Sequence
from hashlib import sha256

from feedback.records import InteractionKind, Message

TEMPORARY_PREFIXES = ("temporary:", "local:")
CHANNEL_PREFIX = "channel:"
TASK_PREFIX = "### Task:"
# Both of LibreChat's default title prompts say so, one with hyphens and one without.
TITLE_LENGTH = re.compile(r"\b5[- ]words?[- ]or[- ]less\b", re.IGNORECASE)


def conversation_id(user_id: str, chat_id: str | None, messages: Sequence[Message]) -> str:
    """The same 64 hex digits for every turn of a conversation, unlike any other user's.

    Without a chat id, a conversation is what starts with the same system and first user message.
    """
    if chat_id:
        key: tuple[str | None, ...] = ("chat", user_id, chat_id)
    else:
        key = ("opening", user_id, _first(messages, "system"), _first(messages, "user"))
    return sha256(json.dumps(key).encode()).hexdigest()


def classify(
    messages: Sequence[Message],
    *,
    task: str | None,
    chat_id: str | None,
    message_id: str | None,
    is_streamed: bool,
) -> InteractionKind:
    """Whether a request is a person's turn or a frontend's own errand, such as a chat's title.

    `task` is the frontend's word for its errand: empty for a person's turn, None when the
    frontend does not say, and only then is the text looked at. A channel has several speakers,
    so it counts as background too.
    """
    if task or (chat_id or "").startswith(CHANNEL_PREFIX):
        return InteractionKind.BACKGROUND
    if task is None and not is_streamed and _is_errand(messages, message_id):
        return InteractionKind.BACKGROUND
    return InteractionKind.CHAT


def is_temporary(chat_id: str | None) -> bool:
    """Whether nothing of this chat may be kept."""
    return (chat_id or "").startswith(TEMPORARY_PREFIXES)


def _is_errand(messages: Sequence[Message], message_id: str | None) -> bool:
    """Whether an unstreamed request reads like a task of Open WebUI or a title of LibreChat."""
    turns = [message for message in messages if message.role != "system"]
    if len(turns) != 1 or turns[0].role != "user":
        return False
    text = turns[0].content.lstrip()
    is_title = "title" in text.lower() and TITLE_LENGTH.search(text) is not None
    return text.startswith(TASK_PREFIX) or (is_title and not message_id)


def _first(messages: Sequence[Message], role: str) -> str | None:
    return next((message.content for message in messages if message.role == role), None)
