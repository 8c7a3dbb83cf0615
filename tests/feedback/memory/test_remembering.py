"""The memory is built from the current feedback, so it can neither lag behind it nor outlive it."""

from feedback.memory.demonstrations import build_memory
from feedback.store.log import FeedbackLog
from tests.feedback.make import make_feedback, make_interaction


def replies(log: FeedbackLog, user_id: str = "ann", newest: int | None = None) -> list[str]:
    held = build_memory(*log.turns_with_feedback(user_id, newest))
    return [each.reply for each in held.demonstrations] + list(held.notes)


def test_changed_feedback_changes_the_memory(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.add_feedback(make_feedback(correction="paris", comment="lower case"))
    assert replies(log) == ["paris", "lower case"]
    log.add_feedback(make_feedback(correction="PARIS"))
    assert replies(log) == ["PARIS"]


def test_deleted_feedback_is_not_in_the_memory(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.add_feedback(make_feedback(correction="paris", comment="lower case"))
    log.delete_feedback("ann", "feedback-1", 300.0)
    assert replies(log) == []


def test_a_deleted_exchange_and_an_erased_user_are_not_in_the_memory(log: FeedbackLog) -> None:
    for number in (1, 2):
        log.store(make_interaction(f"chatcmpl-{number}"))
        log.add_feedback(
            make_feedback(str(number), target=f"chatcmpl-{number}", comment=f"note {number}")
        )
    log.delete_interaction("ann", "chatcmpl-1")
    assert replies(log) == ["note 2"]
    log.erase("ann")
    assert replies(log) == []


def test_no_user_has_another_users_memory(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.add_feedback(make_feedback(correction="paris"))
    assert replies(log, "bob") == []


def test_the_memory_can_be_limited_to_the_newest_exchanges(log: FeedbackLog) -> None:
    for number in range(3):
        name = f"chatcmpl-{number}"
        log.store(make_interaction(name, messages=make_interaction().messages * (number + 1)))
        log.add_feedback(
            make_feedback(str(number), target=name, comment=f"c{number}", at=float(number))
        )
    log.add_feedback(make_feedback("again", target="chatcmpl-0", correction="new", at=9.0))
    assert replies(log, newest=2) == ["new", "c2", "c0"]
    assert replies(log) == ["new", "c2", "c1", "c0"]
