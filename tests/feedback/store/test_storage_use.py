"""How much is stored of a user is known at any time, and bounded."""

import pytest
from sqlite_utils import Database

from feedback.errors import QuotaExceededError
from feedback.records import StorageLimits
from feedback.store.log import FeedbackLog
from feedback.store.storage_use import create_storage_use
from tests.feedback.make import make_feedback, make_interaction


def limited(database: Database, **limits: int) -> FeedbackLog:
    return FeedbackLog(database, limits=StorageLimits(**limits))


def recounted(database: Database) -> list[object]:
    """What a count of everything finds; the table that is kept is replaced."""
    for trigger in database.query("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        if trigger["name"].startswith("storage_use"):
            database.execute(f"DROP TRIGGER {trigger['name']}")
    database.execute("DROP TABLE storage_use")
    create_storage_use(database)
    return list(database.query("SELECT * FROM storage_use ORDER BY user_id"))


def test_what_is_kept_is_what_a_count_finds(log: FeedbackLog, database: Database) -> None:
    for number, user in enumerate(("ann", "ann", "bob", "cleo")):
        log.store(make_interaction(f"chatcmpl-{number}", user))
    log.add_feedback(make_feedback("a", target="chatcmpl-0", value=1, comment="gut"))
    log.add_feedback(make_feedback("a", target="chatcmpl-0", correction="schön", comment="ü"))
    log.add_feedback(make_feedback("early", "bob", target="chatcmpl-9", value=1))
    log.add_feedback(make_feedback("late", "bob", target="chatcmpl-8", value=1))
    log.store(make_interaction("chatcmpl-8", "bob"))
    log.set_metadata("ann", "chatcmpl-1", {"a": "b"})
    log.delete_interaction("ann", "chatcmpl-0")
    log.erase("cleo")
    kept = list(database.query("SELECT * FROM storage_use ORDER BY user_id"))
    assert log.storage_use("bob").items == 4 and log.storage_use("bob").pending == 1
    assert [row["user_id"] for row in kept] == ["ann", "bob"]
    assert kept == recounted(database)


def test_texts_count_in_bytes(log: FeedbackLog) -> None:
    log.store(make_interaction())
    before = log.storage_use("ann").bytes
    log.add_feedback(make_feedback(correction="schön"))
    assert log.storage_use("ann").bytes - before == len("schön".encode()) + len("{}")


def test_a_user_with_too_many_items_may_store_no_more(database: Database) -> None:
    log = limited(database, items=2)
    log.store(make_interaction())
    log.check_room("ann")
    log.add_feedback(make_feedback("a", value=1))
    with pytest.raises(QuotaExceededError, match="store: false"):
        log.check_room("ann")
    with pytest.raises(QuotaExceededError):
        log.add_feedback(make_feedback("b", comment="more"))
    assert log.storage_use("ann").items == 2


def test_a_user_with_too_much_text_may_store_no_more_but_less(database: Database) -> None:
    log = limited(database, bytes=1000)
    log.store(make_interaction())
    log.add_feedback(make_feedback(correction="x" * 500))
    with pytest.raises(QuotaExceededError):
        log.add_feedback(make_feedback(correction="x" * 1000))
    log.add_feedback(make_feedback(correction="y"))
    assert log.feedback("ann", "feedback-1").correction == "y"


def test_only_so_much_feedback_may_wait(database: Database) -> None:
    log = limited(database, pending=1)
    log.add_feedback(make_feedback("a", target="chatcmpl-1", value=1))
    with pytest.raises(QuotaExceededError, match="wait for completions"):
        log.add_feedback(make_feedback("b", target="chatcmpl-2", value=1))
    log.store(make_interaction("chatcmpl-1"))
    log.add_feedback(make_feedback("b", target="chatcmpl-2", value=1))


def test_other_users_have_room_of_their_own(database: Database) -> None:
    log = limited(database, items=1)
    log.store(make_interaction())
    log.check_room("bob")


def test_old_exchanges_go_with_their_feedback(log: FeedbackLog) -> None:
    log.store(make_interaction("chatcmpl-1", created_at=10.0))
    log.store(make_interaction("chatcmpl-2", created_at=10.0))
    log.store(make_interaction("chatcmpl-3", created_at=90.0))
    log.add_feedback(make_feedback("old", target="chatcmpl-1", value=1, at=20.0))
    log.add_feedback(make_feedback("new", target="chatcmpl-2", value=1, at=80.0))
    assert log.expire(before=50.0, limit=9) == 1
    assert [each.id for each in log.last_turns("ann", 9)] == ["chatcmpl-2", "chatcmpl-3"]
    assert [each.id for each in log.list_feedback("ann")[0]] == ["new"]
    assert log.feedback_since("ann", 2) == 1


def test_only_so_many_old_exchanges_go_at_once(log: FeedbackLog) -> None:
    for number in range(3):
        log.store(make_interaction(f"chatcmpl-{number}", created_at=10.0))
    assert [log.expire(before=50.0, limit=2) for _ in range(3)] == [2, 1, 0]
