from collections.abc import Mapping
from types import MappingProxyType

import pytest
from sqlite_utils import Database

from feedback.errors import NotFoundError
from feedback.records import FeedbackCounts, InteractionKind, InteractionStatus, Message
from feedback.store.log import FeedbackLog
from tests.feedback.make import make_feedback, make_interaction


def listed_ids(
    log: FeedbackLog,
    *,
    after: str | None = None,
    limit: int = 10,
    order: str = "asc",
    model: str | None = None,
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> tuple[list[str], bool]:
    page, has_more = log.listed(
        "ann", after=after, limit=limit, order=order, model=model, metadata=metadata
    )
    return [each.id for each in page], has_more


def test_a_stored_interaction_is_read_back_unchanged(log: FeedbackLog) -> None:
    interaction = make_interaction(
        messages=(Message("system", "Be brief."), Message("user", 'Grüße, "Ü"\n\x00 😀')),
        replies=("one", ""),
        finish_reasons=("stop", "length"),
        kind=InteractionKind.BACKGROUND,
        status=InteractionStatus.ABORTED,
        listed=True,
        has_instructions=True,
        request_hash="abc",
        metadata={"team": "red"},
    )
    log.store(interaction)
    assert log.interaction("ann", interaction.id) == interaction


def test_a_reply_is_read_without_its_messages_by_its_owner_alone(log: FeedbackLog) -> None:
    log.store(make_interaction(replies=("one", "two"), finish_reasons=("length", "stop")))
    assert log.reply("ann", "chatcmpl-1") == ("one", "length")
    assert log.reply("bob", "chatcmpl-1") is None


def test_the_tables_are_created_once_and_found_again(database: Database) -> None:
    FeedbackLog(database).store(make_interaction())
    assert FeedbackLog(database).interaction("ann", "chatcmpl-1") == make_interaction()


def test_another_users_interaction_is_as_unknown_as_a_missing_one(log: FeedbackLog) -> None:
    log.store(make_interaction(user_id="bob"))
    with pytest.raises(NotFoundError) as foreign:
        log.interaction("ann", "chatcmpl-1")
    with pytest.raises(NotFoundError) as unknown:
        log.interaction("ann", "chatcmpl-2")
    assert str(foreign.value).replace("-1", "-2") == str(unknown.value)


def test_an_earlier_attempt_at_the_same_request_is_superseded(log: FeedbackLog) -> None:
    log.store(make_interaction("chatcmpl-1", request_hash="same", created_at=10.0))
    log.store(make_interaction("chatcmpl-2", request_hash="same", created_at=20.0))
    log.store(make_interaction("chatcmpl-3", request_hash="other", created_at=20.0))
    log.store(make_interaction("chatcmpl-4", "bob", request_hash="same", created_at=20.0))
    assert log.supersede("ann", "same", since=15.0) == ["chatcmpl-2"]
    assert log.interaction("ann", "chatcmpl-1").status is InteractionStatus.COMPLETE
    assert log.interaction("ann", "chatcmpl-2").status is InteractionStatus.SUPERSEDED
    assert log.interaction("bob", "chatcmpl-4").status is InteractionStatus.COMPLETE


def test_an_aborted_attempt_is_superseded_too_but_only_once(log: FeedbackLog) -> None:
    log.store(make_interaction(request_hash="same", status=InteractionStatus.ABORTED))
    assert log.supersede("ann", "same", since=0.0) == ["chatcmpl-1"]
    assert log.supersede("ann", "same", since=0.0) == []


def test_an_empty_request_hash_supersedes_nothing(log: FeedbackLog) -> None:
    log.store(make_interaction(request_hash=""))
    assert log.supersede("ann", "", since=0.0) == []


def test_only_completions_that_the_client_stored_are_listed(log: FeedbackLog) -> None:
    log.store(make_interaction("chatcmpl-1", listed=True))
    log.store(make_interaction("chatcmpl-2", listed=False))
    log.store(make_interaction("chatcmpl-3", "bob", listed=True))
    superseded = InteractionStatus.SUPERSEDED
    log.store(make_interaction("chatcmpl-4", listed=True, status=superseded))
    assert listed_ids(log) == (["chatcmpl-1"], False)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_follow_each_other_without_gap_or_overlap(log: FeedbackLog, order: str) -> None:
    ids = [f"chatcmpl-{number}" for number in range(7)]
    for number, each in enumerate(ids):
        log.store(make_interaction(each, listed=True, created_at=float(number // 3)))
    seen: list[str] = []
    has_more = True
    while has_more:
        after = seen[-1] if seen else None
        page, has_more = listed_ids(log, after=after, limit=2, order=order)
        seen += page
    assert seen == (ids if order == "asc" else ids[::-1])


def test_the_list_can_be_filtered_by_model_and_metadata(log: FeedbackLog) -> None:
    log.store(make_interaction("chatcmpl-1", listed=True, metadata={'a"b$.': "1", "c": "2"}))
    log.store(make_interaction("chatcmpl-2", listed=True, metadata={"c": "2"}))
    log.store(make_interaction("chatcmpl-3", listed=True, model="other"))
    assert listed_ids(log, model="other")[0] == ["chatcmpl-3"]
    assert listed_ids(log, metadata={"c": "2"})[0] == ["chatcmpl-1", "chatcmpl-2"]
    assert listed_ids(log, metadata={"c": "2", 'a"b$.': "1"})[0] == ["chatcmpl-1"]


def test_a_page_after_an_unknown_or_unlisted_id_is_refused(log: FeedbackLog) -> None:
    log.store(make_interaction("chatcmpl-1", listed=False))
    log.store(make_interaction("chatcmpl-2", "bob", listed=True))
    for after in ("chatcmpl-1", "chatcmpl-2", "chatcmpl-3"):
        with pytest.raises(NotFoundError):
            listed_ids(log, after=after)


def test_an_invalid_order_or_limit_is_refused(log: FeedbackLog) -> None:
    with pytest.raises(ValueError, match="order"):
        listed_ids(log, order="id; DROP TABLE feedback")
    with pytest.raises(ValueError, match="row"):
        listed_ids(log, limit=0)


def test_only_the_metadata_is_replaced(log: FeedbackLog) -> None:
    log.store(make_interaction(metadata={"old": "1"}))
    changed = log.set_metadata("ann", "chatcmpl-1", {"new": "2"})
    assert changed == make_interaction(metadata={"new": "2"})
    assert log.interaction("ann", "chatcmpl-1") == changed


def test_metadata_of_another_users_interaction_cannot_be_set(log: FeedbackLog) -> None:
    log.store(make_interaction(user_id="bob"))
    with pytest.raises(NotFoundError):
        log.set_metadata("ann", "chatcmpl-1", {})


def test_the_counts_are_those_of_the_user_alone(log: FeedbackLog) -> None:
    log.store(make_interaction("chatcmpl-1"))
    log.store(make_interaction("chatcmpl-2"))
    log.store(make_interaction("chatcmpl-3", kind=InteractionKind.BACKGROUND))
    log.store(make_interaction("chatcmpl-4", status=InteractionStatus.SUPERSEDED))
    log.store(make_interaction("chatcmpl-5", "bob"))
    log.add_feedback(make_feedback("a", target="chatcmpl-1", value=1, preferred_over="chatcmpl-2"))
    log.add_feedback(make_feedback("b", target="chatcmpl-2", value=-1, correction="Paris."))
    log.add_feedback(make_feedback("c", target="chatcmpl-9", value=1))
    log.add_feedback(make_feedback("d", "bob", "chatcmpl-5", value=1))
    assert log.counts("ann") == FeedbackCounts(
        interactions=2, feedback=2, corrections=1, liked=1, disliked=1, pairs=1, pending=1
    )
    assert log.counts("nobody") == FeedbackCounts(0, 0, 0, 0, 0, 0, 0)
