import pytest
from sqlite_utils import Database

from feedback.errors import NotFoundError
from feedback.records import FeedbackStatus, Message
from feedback.store.log import FeedbackLog
from tests.feedback.make import make_feedback, make_interaction


def actions(database: Database) -> list[str]:
    return [row["action"] for row in database.query("SELECT action FROM feedback_audit")]


def test_feedback_that_arrives_first_waits_and_is_applied(log: FeedbackLog) -> None:
    stored, is_new = log.add_feedback(make_feedback(value=1))
    assert (stored.status, is_new) == (FeedbackStatus.PENDING, True)
    assert log.feedback_since("ann", 0) == 0
    log.store(make_interaction())
    assert log.feedback("ann", "feedback-1").status is FeedbackStatus.APPLIED
    assert log.feedback_since("ann", 1) == 1  # counted from when it was applied


def test_pending_feedback_of_another_user_is_not_applied(log: FeedbackLog) -> None:
    log.add_feedback(make_feedback(user_id="bob", value=1))
    log.store(make_interaction(user_id="ann"))
    assert log.feedback("bob", "feedback-1").status is FeedbackStatus.PENDING
    assert log.turns_with_feedback("ann") == ([], [])


def test_pending_feedback_that_turns_out_invalid_is_dropped(
    log: FeedbackLog, database: Database
) -> None:
    log.add_feedback(make_feedback(correction=make_interaction().reply))
    log.store(make_interaction())
    assert log.list_feedback("ann") == ([], False)
    assert actions(database) == ["created", "rejected"]
    assert log.feedback_since("ann", 0) == 0


@pytest.mark.parametrize("first", ["chatcmpl-1", "chatcmpl-2"])
def test_a_pending_preference_waits_for_both_replies(log: FeedbackLog, first: str) -> None:
    log.add_feedback(make_feedback(target="chatcmpl-1", preferred_over="chatcmpl-2"))
    log.store(make_interaction(first))
    assert log.feedback("ann", "feedback-1").status is FeedbackStatus.PENDING
    log.store(make_interaction({"chatcmpl-1", "chatcmpl-2"}.difference({first}).pop()))
    assert log.feedback("ann", "feedback-1").status is FeedbackStatus.APPLIED


def test_a_pending_preference_between_two_prompts_is_dropped(log: FeedbackLog) -> None:
    log.add_feedback(make_feedback(target="chatcmpl-1", preferred_over="chatcmpl-2"))
    log.store(make_interaction("chatcmpl-1"))
    log.store(make_interaction("chatcmpl-2", messages=(Message("user", "Something else"),)))
    assert log.list_feedback("ann") == ([], False)


def test_a_pending_preference_over_another_users_reply_is_dropped(log: FeedbackLog) -> None:
    log.add_feedback(make_feedback(target="chatcmpl-1", preferred_over="chatcmpl-2"))
    log.store(make_interaction("chatcmpl-2", "bob"))
    log.store(make_interaction("chatcmpl-1"))
    assert log.list_feedback("ann") == ([], False)


def test_pending_feedback_can_be_changed_and_deleted(log: FeedbackLog) -> None:
    log.add_feedback(make_feedback(value=1))
    log.add_feedback(make_feedback(value=-1))
    assert log.feedback("ann", "feedback-1").value == -1
    log.delete_feedback("ann", "feedback-1", now=300.0)
    log.store(make_interaction())
    assert log.list_feedback("ann") == ([], False)
    assert log.feedback_since("ann", 0) == 0


def test_pending_feedback_expires_by_its_last_change(log: FeedbackLog, database: Database) -> None:
    log.store(make_interaction("chatcmpl-1"))
    log.add_feedback(make_feedback("applied", target="chatcmpl-1", value=1, at=10.0))
    log.add_feedback(make_feedback("old", target="chatcmpl-2", value=1, at=10.0))
    log.add_feedback(make_feedback("new", target="chatcmpl-2", value=1, at=20.0))
    assert log.expire_pending(before=20.0) == 1
    assert {each.id for each in log.list_feedback("ann")[0]} == {"applied", "new"}
    assert actions(database)[-1] == "expired"


def test_feedback_on_a_deleted_interaction_is_refused(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.delete_interaction("ann", "chatcmpl-1")
    with pytest.raises(NotFoundError):
        log.add_feedback(make_feedback(value=1))
