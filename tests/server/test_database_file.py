"""The database's file becomes smaller once there is less in it."""

from pathlib import Path

from sqlite_utils.utils import sqlite3

from feedback.store.log import FeedbackLog
from server.database import SharedDatabase
from tests.feedback.make import make_interaction


def size_after_erasing(path: Path) -> tuple[int, int]:
    """Its bytes with much of a user, and without."""
    with SharedDatabase(path) as database:
        log = FeedbackLog(database)
        for number in range(50):
            log.store(make_interaction(f"chatcmpl-{number}", replies=("x" * 100_000,)))
        database.checkpoint()
        before = path.stat().st_size
        log.erase("ann")
        database.checkpoint()
        return before, path.stat().st_size


def test_it_is_smaller_after_an_erasure(tmp_path: Path) -> None:
    before, after = size_after_erasing(tmp_path / "loralei.db")
    assert before > 5_000_000 > 1_000_000 > after


def test_a_file_of_an_earlier_release_is_smaller_after_an_erasure(tmp_path: Path) -> None:
    path = tmp_path / "loralei.db"
    earlier = sqlite3.connect(str(path))
    earlier.execute("PRAGMA journal_mode = WAL")
    earlier.execute("CREATE TABLE other (id TEXT)")
    earlier.close()
    before, after = size_after_erasing(path)
    assert before > 5_000_000 > 1_000_000 > after
