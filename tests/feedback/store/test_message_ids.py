"""Feedback that names a reply by the id that a frontend has given it."""

import pytest

from feedback.errors import InvalidFeedbackError
from feedback.records import FeedbackStatus, InteractionKind
from feedback.store.log import FeedbackLog
from tests.feedback.make import make_feedback, make_interaction


def completion_of(log: FeedbackLog) -> str:
    return log.feedback("ann", "feedback-1").completion_id


def test_a_reply_is_named_by_its_message_id(log: FeedbackLog) -> None:
    log.store(make_interaction(message_id="message-1"))
    stored, _ = log.add_feedback(make_feedback(target="message-1", value=1))
    assert (stored.completion_id, stored.status) == ("chatcmpl-1", FeedbackStatus.APPLIED)
    assert log.list_feedback("ann", target="message-1") == ([stored], False)


def test_a_reply_that_was_sent_again_is_the_newest(log: FeedbackLog) -> None:
    for number in (2, 1):
        log.store(make_interaction(f"chatcmpl-{number}", created_at=number, message_id="message-1"))
    log.add_feedback(make_feedback(target="message-1", value=1))
    assert completion_of(log) == "chatcmpl-2"


def test_feedback_waits_for_its_message(log: FeedbackLog) -> None:
    log.add_feedback(make_feedback(target="message-1", value=1))
    log.store(make_interaction("chatcmpl-other", message_id="message-2"))
    assert log.feedback("ann", "feedback-1").status is FeedbackStatus.PENDING
    log.store(make_interaction(message_id="message-1"))
    assert log.feedback("ann", "feedback-1").status is FeedbackStatus.APPLIED
    assert completion_of(log) == "chatcmpl-1"


@pytest.mark.parametrize("first", [1, 2])
def test_a_preference_between_messages_waits_for_both(log: FeedbackLog, first: int) -> None:
    log.add_feedback(make_feedback(target="message-1", preferred_over="message-2"))
    for number in (first, 3 - first):
        log.store(make_interaction(f"chatcmpl-{number}", message_id=f"message-{number}"))
    stored = log.feedback("ann", "feedback-1")
    assert stored.status is FeedbackStatus.APPLIED
    assert (stored.completion_id, stored.preferred_over) == ("chatcmpl-1", "chatcmpl-2")


def test_a_reply_is_not_preferred_over_itself_by_its_other_name(log: FeedbackLog) -> None:
    log.store(make_interaction(message_id="message-1"))
    with pytest.raises(InvalidFeedbackError, match="over itself"):
        log.add_feedback(make_feedback(target="chatcmpl-1", preferred_over="message-1"))


def test_another_users_message_is_unknown(log: FeedbackLog) -> None:
    log.store(make_interaction("chatcmpl-2", "bob", message_id="message-1"))
    stored, _ = log.add_feedback(make_feedback(target="message-1", value=1))
    assert (stored.completion_id, stored.status) == ("message-1", FeedbackStatus.PENDING)


def test_a_title_with_the_id_of_a_reply_is_not_meant(log: FeedbackLog) -> None:
    log.store(make_interaction("chatcmpl-1", message_id="message-1"))
    title = InteractionKind.BACKGROUND
    log.store(make_interaction("chatcmpl-2", created_at=300.0, kind=title, message_id="message-1"))
    log.add_feedback(make_feedback(target="message-1", value=1))
    assert completion_of(log) == "chatcmpl-1"


def test_message_ids_are_exported_and_imported(log: FeedbackLog) -> None:
    log.store(make_interaction(message_id="message-1"))
    log.import_rows("bob", list(log.export("ann")))
    stored, _ = log.add_feedback(make_feedback(user_id="bob", target="message-1", value=1))
    assert stored.status is FeedbackStatus.APPLIED
