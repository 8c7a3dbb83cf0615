"""Which stored conversation a chat id of a request or a path means."""

from collections.abc import Sequence

from feedback.conversation import conversation_id, is_conversation_id
from feedback.records import Message
from feedback.store.reader import FeedbackReader


def conversation_of(
    log: FeedbackReader, user_id: str, chat_id: str | None, messages: Sequence[Message] = ()
) -> str:
    """The conversation's id. A chat id is a frontend's own, or the id of one of the user's chats.

    Without a chat id the first `messages` decide.
    """
    if chat_id and is_conversation_id(chat_id) and log.has_chat(user_id, chat_id):
        return chat_id
    return conversation_id(user_id, chat_id, messages)
