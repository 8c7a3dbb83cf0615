from dataclasses import replace
from typing import Any

import pytest
from sqlite_utils import Database

from feedback.errors import InvalidFeedbackError, NotFoundError
from feedback.judged_replies import rated_replies
from feedback.records import FeedbackStatus, InteractionKind, InteractionStatus, Message
from feedback.store.log import FeedbackLog
from tests.feedback.make import make_feedback, make_interaction

REPLY = make_interaction().reply


def refused_param(log: FeedbackLog, **fields: object) -> str:
    with pytest.raises(InvalidFeedbackError) as refusal:
        log.add_feedback(make_feedback(**fields))  # type: ignore[arg-type]
    return refusal.value.param


def test_feedback_is_stored_and_read_back(log: FeedbackLog) -> None:
    log.store(make_interaction())
    feedback = make_feedback(
        value=-1, correction="Paris.", comment="too long", reason="style", metadata={"a": "b"}
    )
    assert log.add_feedback(feedback) == (feedback, True)
    assert log.feedback("ann", "feedback-1") == feedback


def test_feedback_with_the_same_id_replaces_the_first(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.add_feedback(make_feedback(value=1, comment="nice"))
    second = make_feedback(value=-1, created_at=300.0, updated_at=300.0)
    stored, is_new = log.add_feedback(second)
    assert not is_new
    assert stored == replace(second, created_at=200.0)
    assert log.list_feedback("ann") == ([stored], False)


def test_two_users_may_use_the_same_feedback_id(log: FeedbackLog) -> None:
    log.store(make_interaction("chatcmpl-1", "ann"))
    log.store(make_interaction("chatcmpl-2", "bob"))
    log.add_feedback(make_feedback("same", "ann", "chatcmpl-1", value=1))
    log.add_feedback(make_feedback("same", "bob", "chatcmpl-2", value=-1))
    assert log.feedback("ann", "same").value == 1
    assert log.feedback("bob", "same").value == -1


def test_empty_feedback_is_refused(log: FeedbackLog) -> None:
    log.store(make_interaction())
    assert refused_param(log) == "value"
    assert refused_param(log, comment="  ", reason="style") == "value"


def test_a_rating_other_than_plus_or_minus_one_is_refused(log: FeedbackLog) -> None:
    log.store(make_interaction())
    assert refused_param(log, value=0) == "value"


@pytest.mark.parametrize("correction", ["", " \n", REPLY, f"  {REPLY}\n"])
def test_a_correction_that_is_empty_or_changes_nothing_is_refused(
    log: FeedbackLog, correction: str
) -> None:
    log.store(make_interaction())
    assert refused_param(log, correction=correction) == "correction"


def test_a_reply_cannot_be_preferred_over_itself(log: FeedbackLog) -> None:
    log.store(make_interaction())
    assert refused_param(log, preferred_over="chatcmpl-1") == "preferred_over"


def test_a_preference_between_replies_to_different_prompts_is_refused(log: FeedbackLog) -> None:
    log.store(make_interaction("chatcmpl-1"))
    log.store(make_interaction("chatcmpl-2", messages=(Message("user", "And of Spain?"),)))
    assert refused_param(log, preferred_over="chatcmpl-2") == "preferred_over"


def test_text_that_is_not_unicode_is_refused(log: FeedbackLog) -> None:
    log.store(make_interaction())
    assert refused_param(log, comment="half \ud800") == "comment"


def test_a_refused_change_leaves_the_earlier_feedback(log: FeedbackLog) -> None:
    log.store(make_interaction())
    first, _ = log.add_feedback(make_feedback(value=1))
    refused_param(log, correction=REPLY)
    assert log.feedback("ann", "feedback-1") == first


def test_feedback_on_another_users_completion_is_refused(log: FeedbackLog) -> None:
    log.store(make_interaction(user_id="bob"))
    with pytest.raises(NotFoundError) as refusal:
        log.add_feedback(make_feedback(value=1))
    assert refusal.value.param == "target"
    assert log.list_feedback("ann") == ([], False)


@pytest.mark.parametrize("loser", ["chatcmpl-foreign", "chatcmpl-unknown", "chatcmpl-deleted"])
def test_a_preference_over_an_unavailable_completion_is_refused(
    log: FeedbackLog, loser: str
) -> None:
    log.store(make_interaction("chatcmpl-1"))
    log.store(make_interaction("chatcmpl-foreign", "bob"))
    log.store(make_interaction("chatcmpl-deleted"))
    log.delete_interaction("ann", "chatcmpl-deleted")
    with pytest.raises(NotFoundError) as refusal:
        log.add_feedback(make_feedback(preferred_over=loser))
    assert refusal.value.param == "preferred_over"


def test_deleted_feedback_is_gone(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.add_feedback(make_feedback(value=1))
    log.delete_feedback("ann", "feedback-1", now=300.0)
    with pytest.raises(NotFoundError):
        log.feedback("ann", "feedback-1")
    with pytest.raises(NotFoundError):
        log.delete_feedback("ann", "feedback-1", now=301.0)


def test_another_users_feedback_can_neither_be_read_nor_deleted(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.add_feedback(make_feedback(value=1))
    with pytest.raises(NotFoundError):
        log.feedback("bob", "feedback-1")
    with pytest.raises(NotFoundError):
        log.delete_feedback("bob", "feedback-1", now=300.0)
    assert log.feedback("ann", "feedback-1").value == 1


def test_feedback_is_listed_in_pages_and_by_completion(log: FeedbackLog) -> None:
    log.store(make_interaction("chatcmpl-1"))
    log.store(make_interaction("chatcmpl-2"))
    for number in range(5):
        target = f"chatcmpl-{number % 2 + 1}"
        log.add_feedback(
            make_feedback(f"f{number}", target=target, value=1, created_at=float(number))
        )
    first, has_more = log.list_feedback("ann", limit=3)
    rest, has_still_more = log.list_feedback("ann", limit=3, after=first[-1].id)
    assert [each.id for each in first + rest] == ["f0", "f1", "f2", "f3", "f4"]
    assert (has_more, has_still_more) == (True, False)
    assert [each.id for each in log.list_feedback("ann", target="chatcmpl-2")[0]] == ["f1", "f3"]
    with pytest.raises(NotFoundError):
        log.list_feedback("ann", after="f9")


def test_new_changed_and_deleted_feedback_counts_once_each(log: FeedbackLog) -> None:
    for name in ("a", "b", "c"):
        log.store(make_interaction(f"turn-{name}"))
        log.add_feedback(make_feedback(name, target=f"turn-{name}", value=1, at=200.0))
    assert log.feedback_since("ann", 0) == 3
    assert log.feedback_since("ann", 3) == 0
    log.add_feedback(make_feedback("a", target="turn-a", value=-1, at=300.0))
    log.add_feedback(make_feedback("a", target="turn-a", value=1, at=310.0))
    log.delete_feedback("ann", "b", now=320.0)
    assert log.feedback_since("ann", 3) == 2
    assert log.feedback_since("bob", 0) == 0


def test_no_more_replies_are_bad_than_dislikes_corrections_and_preferences(
    log: FeedbackLog,
) -> None:
    names = [f"chatcmpl-{number}" for number in range(8)]
    for number, name in enumerate(names):
        log.store(make_interaction(name, adapter=f"v{number}"))
    given: list[dict[str, Any]] = [
        {"value": 1},
        {"value": -1},
        {"correction": "No."},
        {"value": 1, "correction": "Paris, I think."},
        {"preferred_over": names[5]},
        {"value": -1, "preferred_over": names[6]},
    ]
    for number, fields in enumerate(given):
        log.add_feedback(make_feedback(f"f{number}", target=names[number], **fields))
    log.add_feedback(make_feedback("early", target="chatcmpl-9", value=-1))
    bad = [each for each in rated_replies(*log.turns_with_feedback("ann")) if each.is_bad]
    assert (len(bad), log.max_bad("ann")) == (4, 6)


def test_feedback_counts_as_new_whatever_the_clock_says(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.add_feedback(make_feedback("a", value=1, at=200.0))
    log.add_feedback(make_feedback("b", value=-1, at=100.0))
    assert log.feedback_since("ann", 1) == 1


def test_the_same_feedback_again_changes_nothing(log: FeedbackLog) -> None:
    log.store(make_interaction())
    first, _ = log.add_feedback(make_feedback(value=1, comment="Short!", at=200.0))
    again = make_feedback(value=1, comment="Short!", at=300.0)
    assert log.add_feedback(again) == (first, False)
    assert log.feedback_since("ann", 1) == 0


def test_the_same_feedback_under_another_id_counts_as_nothing_new(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.add_feedback(make_feedback("a", value=1, at=200.0))
    assert log.add_feedback(make_feedback("b", value=1, at=300.0))[1]
    assert log.feedback_since("ann", 1) == 0


def test_a_rating_that_was_taken_back_in_between_counts_again(log: FeedbackLog) -> None:
    log.store(make_interaction())
    for number, (name, value) in enumerate([("a", 1), ("b", -1), ("a", 1)]):
        log.add_feedback(make_feedback(name, value=value, at=200.0 + number))
    assert log.feedback("ann", "a").updated_at == 202.0
    assert log.feedback_since("ann", 2) == 1


def test_other_metadata_is_stored_and_counts_as_nothing_new(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.add_feedback(make_feedback(value=1, at=200.0))
    stored, _ = log.add_feedback(make_feedback(value=1, metadata={"page": "2"}, at=300.0))
    assert stored.metadata == {"page": "2"}
    assert log.feedback_since("ann", 1) == 0


@pytest.mark.parametrize(
    "fields",
    [{"kind": InteractionKind.BACKGROUND}, {"status": InteractionStatus.ABORTED}],
)
def test_feedback_on_turns_that_never_train_does_not_count(
    log: FeedbackLog, fields: dict[str, object]
) -> None:
    log.store(make_interaction(**fields))  # type: ignore[arg-type]
    stored, _ = log.add_feedback(make_feedback(value=1))
    assert stored.status is FeedbackStatus.APPLIED
    assert log.feedback_since("ann", 0) == 0
    assert log.turns_with_feedback("ann") == ([], [])


def test_deleted_feedback_still_counts(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.add_feedback(make_feedback(value=1))
    log.delete_feedback("ann", "feedback-1", now=300.0)
    assert log.feedback_since("ann", 0) == 1
    assert log.turns_with_feedback("ann") == ([], [])


def test_feedback_comes_with_the_turns_that_it_names(log: FeedbackLog) -> None:
    for number in (1, 2, 3):
        log.store(make_interaction(f"chatcmpl-{number}", replies=(f"reply {number}",)))
    log.store(make_interaction("chatcmpl-4", "bob"))
    log.add_feedback(make_feedback("a", target="chatcmpl-1", preferred_over="chatcmpl-2"))
    log.add_feedback(make_feedback("b", target="chatcmpl-9", value=1))
    log.add_feedback(make_feedback("c", "bob", "chatcmpl-4", value=1))
    interactions, feedback = log.turns_with_feedback("ann")
    assert [each.id for each in interactions] == ["chatcmpl-1", "chatcmpl-2"]
    assert [each.id for each in feedback] == ["a"]


def test_only_so_much_text_is_read_the_newest_feedback_first(log: FeedbackLog) -> None:
    for number in (1, 2, 3):
        log.store(make_interaction(f"chatcmpl-{number}"))
        log.add_feedback(
            make_feedback(str(number), target=f"chatcmpl-{number}", correction="x" * 500, at=number)
        )
    _, feedback = log.turns_with_feedback("ann", max_characters=1500)
    assert [each.id for each in feedback] == ["2", "3"]


def test_regenerated_replies_without_feedback_are_found(
    log: FeedbackLog,
) -> None:
    turns: list[dict[str, Any]] = [
        {},
        {},
        {"conversation_id": "conversation-2"},
        {"messages": (Message("user", "Why?"),)},
        {"status": InteractionStatus.ABORTED},
        {"user_id": "bob"},
        {},
        {},
    ]
    for number, fields in enumerate(turns):
        log.store(make_interaction(f"c{number}", created_at=100.0 + number, **fields))
    log.add_feedback(make_feedback("a", target="c1", value=-1))
    log.add_feedback(make_feedback("b", target="c6", value=1))
    assert [each.id for each in log.regenerated("ann")] == ["c0"]
    assert log.regenerated("bob") == []


def test_the_last_turns_are_the_users_learnable_ones(log: FeedbackLog) -> None:
    turns: list[dict[str, Any]] = [
        {},
        {},
        {"status": InteractionStatus.ABORTED},
        {"user_id": "bob"},
    ]
    for number, fields in enumerate([*turns, {}]):
        log.store(make_interaction(f"c{number}", created_at=100.0 + number, **fields))
    assert [each.id for each in log.last_turns("ann", 2)] == ["c1", "c4"]
    assert [each.id for each in log.last_turns("ann", 9)] == ["c0", "c1", "c4"]


def test_the_audit_records_every_change_but_no_text(log: FeedbackLog, database: Database) -> None:
    log.store(make_interaction())
    log.add_feedback(make_feedback(value=1, comment="marker", at=1.0))
    log.add_feedback(make_feedback(correction="marker", at=2.0))
    log.delete_feedback("ann", "feedback-1", now=3.0)
    audit = list(database.query("SELECT * FROM feedback_audit ORDER BY sequence"))
    assert [(row["action"], row["at"]) for row in audit] == [
        ("created", 1.0),
        ("changed", 2.0),
        ("deleted", 3.0),
    ]
    assert "marker" not in str(audit)
