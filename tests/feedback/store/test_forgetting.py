from pathlib import Path

import pytest
from sqlite_utils import Database

from feedback.errors import NotFoundError
from feedback.records import FeedbackCounts
from feedback.rules.rule import Rule
from feedback.rules.user_rules import RuleDecision, RuleStatus
from feedback.store.log import FeedbackLog
from server.database import SharedDatabase
from tests.feedback.conftest import NOW
from tests.feedback.make import make_feedback, make_interaction


def everything(database: Database) -> str:
    tables = [name for name in database.table_names() if not name.startswith("_")]
    return str([list(database.query(f"SELECT * FROM {table}")) for table in tables])


def test_deleting_an_interaction_deletes_its_feedback(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.add_feedback(make_feedback(value=1))
    log.delete_interaction("ann", "chatcmpl-1")
    with pytest.raises(NotFoundError):
        log.interaction("ann", "chatcmpl-1")
    assert log.list_feedback("ann") == ([], False)


def test_a_deleted_interaction_counts_as_a_change_of_feedback(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.add_feedback(make_feedback(value=1))
    log.delete_interaction("ann", "chatcmpl-1")
    assert log.feedback_since("ann", 1) == 1


def test_a_deleted_regenerated_reply_counts_as_a_change_of_feedback(
    log: FeedbackLog,
) -> None:
    log.store(make_interaction("chatcmpl-1", created_at=1.0))
    log.store(make_interaction("chatcmpl-2", created_at=2.0))
    log.add_feedback(make_feedback(target="chatcmpl-2", value=1))
    log.delete_interaction("ann", "chatcmpl-1")
    assert log.feedback_since("ann", 1) == 1


def test_another_users_interaction_cannot_be_deleted(log: FeedbackLog) -> None:
    log.store(make_interaction(user_id="bob"))
    with pytest.raises(NotFoundError):
        log.delete_interaction("ann", "chatcmpl-1")
    assert log.interaction("bob", "chatcmpl-1") == make_interaction(user_id="bob")


def test_a_deleted_loser_takes_only_the_preference_with_it(log: FeedbackLog) -> None:
    log.store(make_interaction("chatcmpl-1"))
    log.store(make_interaction("chatcmpl-2"))
    log.add_feedback(make_feedback("pair", target="chatcmpl-1", preferred_over="chatcmpl-2"))
    log.add_feedback(
        make_feedback("both", target="chatcmpl-1", value=1, preferred_over="chatcmpl-2")
    )
    log.delete_interaction("ann", "chatcmpl-2")
    (left,) = log.list_feedback("ann")[0]
    assert (left.id, left.value, left.preferred_over) == ("both", 1, None)


def test_erasing_a_user_leaves_only_ids_of_interactions_without_their_owner(
    log: FeedbackLog, database: Database
) -> None:
    log.store(make_interaction("chatcmpl-1", "ann-the-user"))
    log.add_feedback(make_feedback("fb-of-ann", "ann-the-user", "chatcmpl-1", comment="secret"))
    log.add_feedback(make_feedback("fb-early", "ann-the-user", "chatcmpl-9", value=1))
    bye = Rule("closing", " Yours, Ann")
    log.decide(RuleDecision("ann-the-user", bye, RuleStatus.PINNED, NOW))
    assert log.erase("ann-the-user") == 4
    assert everything(database).count("chatcmpl-1") == 1
    for trace in ("ann-the-user", "fb-", "secret", "Paris", "chatcmpl-9", "Yours", "rule-"):
        assert trace not in everything(database)


def test_erasing_one_user_leaves_the_others(log: FeedbackLog) -> None:
    for number, user in enumerate(("ann", "bob")):
        log.store(make_interaction(f"chatcmpl-{number}", user))
        log.add_feedback(make_feedback("same", user, f"chatcmpl-{number}", value=1))
    log.erase("ann")
    assert log.counts("ann") == FeedbackCounts(0, 0, 0, 0, 0, 0, 0)
    assert log.feedback("bob", "same").value == 1
    assert log.feedback_since("bob", 0) == 1


def test_feedback_after_the_erasure_is_refused(log: FeedbackLog) -> None:
    log.store(make_interaction())
    log.erase("ann")
    with pytest.raises(NotFoundError):
        log.add_feedback(make_feedback(value=1))
    assert log.feedback_since("ann", 0) == 0


def test_erasing_an_unknown_user_erases_nothing(log: FeedbackLog) -> None:
    assert log.erase("nobody") == 0


def test_no_text_of_an_erased_user_stays_in_the_files(tmp_path: Path) -> None:
    with SharedDatabase(tmp_path / "log.db") as database:
        log = FeedbackLog(database)
        for number in range(50):
            log.store(make_interaction(f"chatcmpl-{number}", replies=("marker " * 200,)))
            log.add_feedback(
                make_feedback(f"f{number}", target=f"chatcmpl-{number}", comment="marker")
            )
        log.delete_interaction("ann", "chatcmpl-0")
        log.erase("ann")
        database.checkpoint()
        assert not any(b"marker" in file.read_bytes() for file in tmp_path.iterdir())
