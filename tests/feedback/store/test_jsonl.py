import json
from typing import Any

import pytest
from sqlite_utils import Database

from feedback.errors import InvalidFeedbackError
from feedback.records import FeedbackStatus, InteractionKind, InteractionStatus
from feedback.rules.rule import Rule
from feedback.rules.user_rules import RuleDecision, RuleStatus
from feedback.store.jsonl import decision_to_json, feedback_to_json, interaction_to_json
from feedback.store.log import FeedbackLog
from feedback.store.queries import ROWS_AT_ONCE
from tests.feedback.make import make_feedback, make_interaction, without

INTERACTION = interaction_to_json(make_interaction())
OPTIONAL = {"metadata", "message_id", "has_instructions", "organisation"}
FEEDBACK = feedback_to_json(make_feedback(value=1))
DECISION = decision_to_json(RuleDecision("ann", Rule("case", "lower"), RuleStatus.PINNED, 2.0))


def fill(log: FeedbackLog) -> None:
    """Data of every type for ann, and one turn and one decision of bob."""
    log.store(
        make_interaction("chatcmpl-1", metadata={"a": "b"}, listed=True, has_instructions=True)
    )
    log.store(make_interaction("chatcmpl-2", replies=("Paris.",), created_at=101.0))
    log.store(make_interaction("chatcmpl-3", kind=InteractionKind.BACKGROUND))
    log.store(make_interaction("chatcmpl-4", status=InteractionStatus.ABORTED, replies=("",)))
    log.store(make_interaction("chatcmpl-5", "bob"))
    log.add_feedback(make_feedback("a", target="chatcmpl-2", preferred_over="chatcmpl-1", value=1))
    log.add_feedback(make_feedback("b", target="chatcmpl-1", correction="paris", comment="lower"))
    log.add_feedback(make_feedback("c", target="chatcmpl-9", value=-1, metadata={"x": "y"}))
    log.decide(RuleDecision("ann", Rule("case", "lower"), RuleStatus.PINNED, 300.0))
    log.decide(RuleDecision("bob", Rule("case", "upper"), RuleStatus.DROPPED, 300.0))


def exported(log: FeedbackLog, user_id: str) -> list[dict[str, Any]]:
    return [json.loads(json.dumps(row)) for row in log.export(user_id)]


def blamed(log: FeedbackLog, *rows: Any) -> str:
    with pytest.raises(InvalidFeedbackError) as refusal:
        log.import_rows("ann", rows)
    assert list(log.export("ann")) == []
    return refusal.value.param


def test_the_export_holds_all_of_the_users_data_and_no_one_elses(log: FeedbackLog) -> None:
    fill(log)
    rows = exported(log, "ann")
    assert [row["id"] for row in rows if row["type"] == "interaction"] == [
        "chatcmpl-1",
        "chatcmpl-3",
        "chatcmpl-4",
        "chatcmpl-2",
    ]
    assert [row["id"] for row in rows if row["type"] == "feedback"] == ["a", "b", "c"]
    assert [row["value"] for row in rows if row["type"] == "rule"] == ["lower"]
    assert "bob" not in str(rows)


def test_an_export_of_many_rows_lets_others_store_meanwhile(log: FeedbackLog) -> None:
    count = 2 * ROWS_AT_ONCE + 1
    for number in range(count):
        log.store(make_interaction(f"chatcmpl-{number:04}"))
    rows = log.export("ann")
    found = [next(rows)]
    log.delete_interaction("ann", "chatcmpl-0300")
    log.store(make_interaction("chatcmpl-later", created_at=200.0))
    found += rows
    numbers = [number for number in range(count) if number != 300]
    expected = [*(f"chatcmpl-{number:04}" for number in numbers), "chatcmpl-later"]
    assert [row["id"] for row in found] == expected


def test_an_export_imported_elsewhere_exports_the_same(log: FeedbackLog) -> None:
    fill(log)
    rows = exported(log, "ann")
    with Database(memory=True) as empty:
        elsewhere = FeedbackLog(empty)
        assert elsewhere.import_rows("zoe", rows) == len(rows)
        assert exported(elsewhere, "zoe") == rows


def test_rows_may_come_in_any_order(log: FeedbackLog) -> None:
    assert log.import_rows("ann", [FEEDBACK, INTERACTION]) == 2
    assert log.feedback("ann", "feedback-1").status is FeedbackStatus.APPLIED


def test_importing_twice_changes_nothing(log: FeedbackLog) -> None:
    fill(log)
    rows = exported(log, "ann")
    assert log.import_rows("ann", rows) == 0
    log.erase("ann")
    assert log.import_rows("ann", rows) == 8
    assert log.import_rows("ann", rows) == 0


def test_taken_ids_are_replaced_in_the_feedback_too(log: FeedbackLog) -> None:
    fill(log)
    log.import_rows("zoe", exported(log, "ann"))
    interactions, feedback = log.turns_with_feedback("zoe")
    assert {each.user_id for each in interactions} == {"zoe"}
    assert {each.user_id for each in feedback} == {"zoe"}
    pair = next(each for each in feedback if each.preferred_over)
    assert {pair.completion_id, pair.preferred_over} == {each.id for each in interactions}
    assert not {each.id for each in interactions} & {"chatcmpl-1", "chatcmpl-2"}
    assert log.interaction("ann", "chatcmpl-1").user_id == "ann"


def test_imported_feedback_with_a_taken_id_gets_a_new_id(log: FeedbackLog) -> None:
    log.store(make_interaction("chatcmpl-0"))
    log.add_feedback(make_feedback(target="chatcmpl-0", value=-1))
    assert log.import_rows("ann", [INTERACTION, FEEDBACK]) == 2
    assert log.feedback("ann", "feedback-1").value == -1
    assert log.list_feedback("ann", target="chatcmpl-1")[0][0].value == 1


def test_the_owner_in_a_row_is_ignored(log: FeedbackLog) -> None:
    log.import_rows("ann", [INTERACTION | {"user_id": "bob"}])
    assert log.interaction("ann", "chatcmpl-1").user_id == "ann"


def test_imported_feedback_counts_as_new(log: FeedbackLog) -> None:
    log.import_rows("ann", [INTERACTION, FEEDBACK])
    assert log.feedback_since("ann", 0) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", ""),
        ("id", "x" * 129),
        ("id", 7),
        ("created_at", float("nan")),
        ("created_at", 10**400),
        ("created_at", True),
        ("messages", [{"role": "root", "content": "x"}]),
        ("messages", [{"role": "user", "content": None}]),
        ("messages", "text"),
        ("replies", ["half \ud800"]),
        ("finish_reasons", []),
        ("prompt_tokens", -1),
        ("completion_tokens", 2**63),
        ("kind", "secret"),
        ("status", []),
        ("listed", 1),
        ("has_instructions", 1),
        ("metadata", {"a": 1}),
    ],
)
def test_a_malformed_interaction_is_refused(log: FeedbackLog, name: str, value: object) -> None:
    assert blamed(log, INTERACTION | {name: value}) == f"rows[0].{name}"


@pytest.mark.parametrize("name", sorted(set(INTERACTION) - OPTIONAL))
def test_an_interaction_that_lacks_a_field_is_refused(log: FeedbackLog, name: str) -> None:
    assert blamed(log, without(INTERACTION, name)) == f"rows[0].{name}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("value", 0),
        ("value", None),
        ("value", 5),
        ("correction", make_interaction().reply),
        ("preferred_over", "chatcmpl-1"),
        ("preferred_over", "chatcmpl-unknown"),
        ("comment", 3),
        ("updated_at", -1),
    ],
)
def test_malformed_feedback_stores_nothing_at_all(
    log: FeedbackLog, name: str, value: object
) -> None:
    assert blamed(log, INTERACTION, FEEDBACK | {name: value}) == f"rows[1].{name}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attribute", "mood"),
        ("attribute", None),
        ("value", "camel"),
        ("value", "x" * 20_001),
        ("status", "learned"),
        ("status", "kept"),
        ("decided_at", "now"),
    ],
)
def test_a_malformed_decision_is_refused(log: FeedbackLog, name: str, value: object) -> None:
    assert blamed(log, INTERACTION, DECISION | {name: value}) == f"rows[1].{name}"


def test_an_imported_pin_gives_way_to_the_users_own(log: FeedbackLog) -> None:
    own = RuleDecision("ann", Rule("case", "upper"), RuleStatus.PINNED, 1.0)
    log.decide(own)
    assert log.import_rows("ann", [DECISION]) == 0
    assert log.decisions("ann") == [own]


def test_imported_feedback_on_another_users_completion_is_refused(log: FeedbackLog) -> None:
    log.store(make_interaction(user_id="bob"))
    assert blamed(log, FEEDBACK) == "rows[0].target"


def test_invalid_rows_are_refused(log: FeedbackLog) -> None:
    assert blamed(log, ["list"]) == "rows[0]"
    assert blamed(log, {"type": "adapter"}) == "rows[0].type"
    assert blamed(log, INTERACTION, INTERACTION) == "rows[1].id"
