"""The shared connection: it has the write lock at once, and knows whether it can write."""

import errno
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils.utils import sqlite3

from server.database import SharedDatabase
from server.storage.errors import DamagedError, StorageError, StorageFullError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SharedDatabase]:
    with SharedDatabase(tmp_path / "a.db") as database:
        with database.atomic():
            database.execute("CREATE TABLE t (x)")
        yield database


@pytest.fixture
def other(database: SharedDatabase, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection. Nobody waits for it."""
    database.execute("PRAGMA busy_timeout = 1")
    path = str(tmp_path / "a.db")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        yield connection


def insert(database: SharedDatabase, value: str = "x") -> None:
    with database.atomic():
        database.execute("INSERT INTO t VALUES (?)", [value])


def rows(database: SharedDatabase) -> int:
    return len(list(database.query("SELECT x FROM t")))


def patience(database: SharedDatabase) -> int:
    [row] = database.query("PRAGMA busy_timeout")
    return int(row["timeout"])


def test_a_transaction_has_the_write_lock_before_it_reads(
    database: SharedDatabase, other: sqlite3.Connection
) -> None:
    with database.atomic():
        rows(database)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO t VALUES (1)")
    assert rows(database) == 1


def test_a_snapshot_needs_no_write_lock(
    database: SharedDatabase, other: sqlite3.Connection
) -> None:
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO t VALUES (1)")
    with database.snapshot():
        assert rows(database) == 0
        other.execute("COMMIT")
        assert rows(database) == 0
    assert rows(database) == 1


def test_a_failed_block_leaves_nothing(database: SharedDatabase) -> None:
    with pytest.raises(ValueError, match="stop"), database.atomic():
        database.execute("INSERT INTO t VALUES (1)")
        raise ValueError("stop")
    assert rows(database) == 0


def test_a_failed_inner_block_leaves_the_outer_one(database: SharedDatabase) -> None:
    with database.atomic():
        database.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(ValueError, match="stop"), database.atomic():
            database.execute("INSERT INTO t VALUES (2)")
            raise ValueError("stop")
    assert rows(database) == 1


def test_a_foreign_lock_is_a_problem_until_it_ends(
    database: SharedDatabase, other: sqlite3.Connection
) -> None:
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="Another program"):
        insert(database)
    assert "Another program" in str(database.problem())
    other.execute("ROLLBACK")
    assert database.problem() is None
    insert(database)


def test_once_a_lock_is_known_nobody_waits_long_for_it(
    database: SharedDatabase, other: sqlite3.Connection
) -> None:
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError):
        insert(database)
    assert patience(database) == 200
    other.execute("ROLLBACK")
    insert(database)
    assert patience(database) == 10_000


def test_a_full_database_is_a_problem_until_there_is_room(database: SharedDatabase) -> None:
    database.execute("PRAGMA max_page_count = 3")
    with pytest.raises(StorageFullError):
        insert(database, "x" * 100_000)
    assert rows(database) == 0
    database.execute("PRAGMA max_page_count = 1000")
    insert(database, "x" * 100_000)
    assert database.problem() is None


def test_a_read_only_database_is_a_problem_until_it_can_be_written(
    database: SharedDatabase,
) -> None:
    database.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="cannot be written"):
        insert(database)
    assert "cannot be written" in str(database.problem())
    database.execute("PRAGMA query_only = OFF")
    assert database.problem() is None


def test_a_full_disk_is_found_before_anybody_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with SharedDatabase(tmp_path / "a.db") as database:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            assert isinstance(database.problem(), StorageFullError)
        assert database.problem() is None


def test_looking_for_problems_changes_nothing(database: SharedDatabase) -> None:
    database.execute("PRAGMA user_version = 7")
    assert database.problem() is None
    assert [*database.query("PRAGMA user_version")] == [{"user_version": 7}]


def test_damage_that_was_met_once_stays_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with SharedDatabase(path) as database:
        with database.atomic():
            database.execute("CREATE TABLE t (x)")
            database.execute("CREATE TABLE whole (x)")
        for _ in range(20):
            insert(database, "x" * 4000)
        database.checkpoint()
    content = bytearray(path.read_bytes())
    content[-3 * 4096 :] = b"noise..." * (3 * 512)
    path.write_bytes(content)
    with SharedDatabase(path) as database:
        with pytest.raises(DamagedError, match="Restore a backup"):
            rows(database)
        with database.atomic():
            database.execute("INSERT INTO whole VALUES (1)")
        assert isinstance(database.problem(), DamagedError)
