"""Proposals of earlier releases: what the user approved is feedback on a chat turn today."""

from typing import Any

import pytest
from sqlite_utils import Database

from feedback.errors import InvalidFeedbackError
from feedback.records import Feedback, Interaction, Message
from feedback.store.log import FeedbackLog
from feedback.store.schema import migrations
from tests.feedback.make import without

WRITTEN = "Oslo is the capital of Norway."
PROPOSAL: dict[str, Any] = {
    "type": "proposal",
    "id": "proposal-1",
    "kind": "a fact",
    "instruction": "What is the capital of Norway?",
    "reply": WRITTEN,
    "proposed": WRITTEN,
    "written": WRITTEN,
    "is_truncated": False,
    "rules": [],
    "adapter": "v3",
    "created_at": 300.0,
    "status": "approved",
    "decided_at": 400.0,
}
EDITED = PROPOSAL | {"id": "proposal-2", "reply": "Oslo.", "is_truncated": True}
OPEN = PROPOSAL | {"id": "proposal-3", "status": "proposed", "decided_at": None}
DROPPED = PROPOSAL | {"id": "proposal-4", "status": "dropped"}
ALL = [PROPOSAL, EDITED, OPEN, DROPPED]


def migrated(database: Database, *owned: tuple[str, dict[str, Any]]) -> FeedbackLog:
    """A log whose database held these users' proposals before its last migration."""
    migrations.apply(database, stop_before="proposals_to_feedback")
    for user_id, row in owned:
        database.table("proposals").insert(
            without(row, "type") | {"user_id": user_id, "rules": "[]"}
        )
    return FeedbackLog(database)


def stored(log: FeedbackLog, user_id: str) -> list[tuple[Interaction, Feedback]]:
    """The turns with the one item of feedback on each."""
    turns, feedback = log.turns_with_feedback(user_id)
    by_turn = {each.completion_id: each for each in feedback}
    assert len(turns) == len(feedback) == len(by_turn)
    return [(turn, by_turn[turn.id]) for turn in turns]


@pytest.fixture(params=["migrated", "imported"])
def both(request: pytest.FixtureRequest, database: Database) -> list[tuple[Interaction, Feedback]]:
    """Ann's turns and feedback, which a migration or an import made of all proposals."""
    if request.param == "migrated":
        return stored(migrated(database, *(("ann", each) for each in ALL)), "ann")
    log = FeedbackLog(database)
    assert log.import_rows("ann", ALL) == 4
    return stored(log, "ann")


def only(found: list[tuple[Interaction, Feedback]], *, corrected: bool) -> Any:
    [pair] = [each for each in found if (each[1].correction is not None) is corrected]
    return pair


def test_only_approved_proposals_stay(both: list[tuple[Interaction, Feedback]]) -> None:
    assert len(both) == 2


def test_a_proposal_approved_as_written_is_a_liked_turn(
    both: list[tuple[Interaction, Feedback]],
) -> None:
    turn, feedback = only(both, corrected=False)
    assert turn.messages == (Message("user", "What is the capital of Norway?"),)
    assert (turn.reply, turn.finish_reasons) == (WRITTEN, ("stop",))
    assert (turn.adapter, turn.created_at, turn.listed) == ("v3", 300.0, False)
    assert turn.is_learnable
    assert (feedback.value, feedback.created_at, feedback.updated_at) == (1, 400.0, 400.0)


def test_a_changed_proposal_is_a_corrected_turn(both: list[tuple[Interaction, Feedback]]) -> None:
    turn, feedback = only(both, corrected=True)
    assert (turn.reply, turn.finish_reasons) == (WRITTEN, ("length",))
    assert (feedback.value, feedback.correction) == (None, "Oslo.")


def test_every_turn_is_a_conversation_of_its_own(both: list[tuple[Interaction, Feedback]]) -> None:
    assert len({turn.conversation_id for turn, _ in both}) == 2


def test_a_migration_leaves_no_proposals_and_makes_nobody_due(database: Database) -> None:
    log = migrated(database, ("ann", PROPOSAL))
    assert "proposals" not in database.table_names()
    assert log.feedback_since("ann", 0) == 0


def test_two_users_may_have_the_same_proposal(database: Database) -> None:
    log = migrated(database, ("ann", PROPOSAL), ("bob", PROPOSAL))
    assert [len(stored(log, user)) for user in ("ann", "bob")] == [1, 1]


def test_an_earlier_export_adds_nothing_to_what_a_migration_made(database: Database) -> None:
    log = migrated(database, ("ann", PROPOSAL), ("ann", EDITED))
    assert log.import_rows("ann", ALL) == 0


def test_imported_proposals_count_as_new_feedback(log: FeedbackLog) -> None:
    log.import_rows("ann", ALL)
    assert log.feedback_since("ann", 0) == 2


def test_white_space_around_a_reply_is_no_correction(log: FeedbackLog) -> None:
    log.import_rows("ann", [PROPOSAL | {"reply": f"{WRITTEN}\n"}])
    [(_, feedback)] = stored(log, "ann")
    assert feedback.value == 1


def test_an_undated_decision_is_as_old_as_the_proposal(log: FeedbackLog) -> None:
    log.import_rows("ann", [PROPOSAL | {"decided_at": None}])
    [(_, feedback)] = stored(log, "ann")
    assert feedback.updated_at == 300.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("instruction", ""),
        ("written", None),
        ("is_truncated", 1),
        ("decided_at", "now"),
    ],
)
def test_a_malformed_approved_proposal_is_refused(
    log: FeedbackLog, field: str, value: object
) -> None:
    with pytest.raises(InvalidFeedbackError) as refusal:
        log.import_rows("ann", [EDITED, PROPOSAL | {field: value}])
    assert refusal.value.param == f"rows[1].{field}"
    assert list(log.export("ann")) == []
