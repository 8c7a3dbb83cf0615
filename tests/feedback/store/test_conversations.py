"""Deleting by what a frontend calls its chats and messages."""

from typing import Any

import pytest
from sqlite_utils import Database

from feedback.errors import NotFoundError
from feedback.records import InteractionKind
from feedback.store.log import FeedbackLog
from tests.feedback.make import make_feedback, make_interaction


def store(log: FeedbackLog, number: int, **fields: Any) -> None:
    defaults: dict[str, Any] = {"created_at": number, "message_id": f"message-{number}"}
    log.store(make_interaction(f"chatcmpl-{number}", **defaults | fields))


def stored(log: FeedbackLog, user: str = "ann") -> list[str]:
    return [row["id"] for row in log.export(user)]


def test_a_chat_is_deleted_with_its_feedback_and_no_other(log: FeedbackLog) -> None:
    for number in (1, 2):
        store(log, number)
    store(log, 3, conversation_id="conversation-2")
    log.add_feedback(make_feedback(target="message-2", value=1))
    assert log.delete_conversation("ann", "conversation-1") == 2
    assert stored(log) == ["chatcmpl-3"]


def test_replies_that_are_no_longer_in_the_chat_are_deleted(log: FeedbackLog) -> None:
    for number in (1, 2, 3):
        store(log, number)
    assert log.delete_conversation("ann", "conversation-1", ["message-1", "message-3"]) == 1
    assert stored(log) == ["chatcmpl-1", "chatcmpl-3"]


def test_replies_without_a_message_id_stay_but_background_requests_go(log: FeedbackLog) -> None:
    store(log, 1, message_id=None)
    store(log, 2, message_id=None, kind=InteractionKind.BACKGROUND)
    assert log.delete_conversation("ann", "conversation-1", []) == 1
    assert stored(log) == ["chatcmpl-1"]


def test_a_preference_over_a_reply_of_a_deleted_chat_is_lost_with_it(log: FeedbackLog) -> None:
    store(log, 1)
    store(log, 2, conversation_id="conversation-2")
    log.add_feedback(make_feedback(target="message-2", preferred_over="message-1", value=1))
    log.delete_conversation("ann", "conversation-1")
    assert log.feedback("ann", "feedback-1").preferred_over is None


@pytest.mark.parametrize("user", ["bob", "nobody"])
def test_another_users_chat_is_unknown(log: FeedbackLog, user: str) -> None:
    store(log, 1)
    with pytest.raises(NotFoundError):
        log.delete_conversation(user, "conversation-1")
    with pytest.raises(NotFoundError):
        log.delete_message(user, "message-1")
    assert stored(log) == ["chatcmpl-1"]


def test_a_message_that_was_continued_is_deleted_whole(log: FeedbackLog) -> None:
    for number in (1, 2):
        store(log, number, message_id="message-1")
    log.delete_message("ann", "message-1")
    assert stored(log) == []


def test_some_are_deleted_until_none_is_left(log: FeedbackLog) -> None:
    for number in (1, 2, 3):
        store(log, number)
    store(log, 4, user_id="bob")
    assert [log.delete_some("ann", 2) for _ in range(3)] == [2, 1, 0]
    assert stored(log, "bob") == ["chatcmpl-4"]


def test_the_examples_of_a_deleted_chat_are_withdrawn_at_once() -> None:
    told: list[int] = []
    with Database(memory=True) as database:
        log = FeedbackLog(database, on_withdrawal=lambda user, ids, at: told.append(len(ids)))
        for number in (1, 2):
            store(log, number)
            name = f"feedback-{number}"
            log.add_feedback(make_feedback(name, target=f"chatcmpl-{number}", correction="Paris."))
        store(log, 3)
        log.add_feedback(make_feedback("feedback-3", target="chatcmpl-3", correction="paris"))
        log.delete_conversation("ann", "conversation-1")
    assert len(told) == 1
