"""Which errors are the storage's fault, and what is said of them."""

import errno
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils.utils import sqlite3

from server.errors import error_response
from server.storage.errors import DamagedError, StorageError, StorageFullError, storage_error
from server.storage.write_probe import why_not_writable


def sqlite_failure(path: Path, *statements: str) -> sqlite3.Error:
    """What SQLite says of the last statement."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        for statement in statements[:-1]:
            connection.execute(statement)
        with pytest.raises(sqlite3.Error) as caught:
            connection.execute(statements[-1])
    return caught.value


def test_a_full_database_is_a_full_disk(tmp_path: Path) -> None:
    error = sqlite_failure(
        tmp_path / "a.db",
        "CREATE TABLE t (x)",
        "PRAGMA max_page_count = 3",
        "INSERT INTO t VALUES (randomblob(100000))",
    )
    assert isinstance(storage_error(error), StorageFullError)


def test_a_read_only_database_cannot_be_written(tmp_path: Path) -> None:
    error = sqlite_failure(tmp_path / "a.db", "PRAGMA query_only = ON", "CREATE TABLE t (x)")
    assert "cannot be written" in str(storage_error(error))


def test_a_lock_is_named(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        error = sqlite_failure(tmp_path / "a.db", "BEGIN IMMEDIATE")
    assert "Another program has locked" in str(storage_error(error))


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database" * 100)
    error = sqlite_failure(tmp_path / "a.db", "SELECT * FROM sqlite_master")
    assert isinstance(storage_error(error), DamagedError)


def test_a_wrong_statement_is_not_the_storages_fault(tmp_path: Path) -> None:
    assert storage_error(sqlite_failure(tmp_path / "a.db", "SELECT * FROM nothing")) is None
    assert storage_error(FileNotFoundError(errno.ENOENT, "no such file")) is None
    assert storage_error(ValueError("x")) is None


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 507, b"storage_full"),
        (OSError(errno.EDQUOT, "Quota exceeded"), 507, b"storage_full"),
        (OSError(errno.EROFS, "Read-only file system"), 503, b"storage_unavailable"),
        (PermissionError(errno.EACCES, "Permission denied"), 503, b"storage_unavailable"),
        (StorageFullError("x"), 507, b"storage_full"),
        (DamagedError("x"), 503, b"storage_unavailable"),
        (OSError(errno.EIO, "Input/output error"), 500, b"internal_error"),
    ],
)
def test_the_storages_faults_have_statuses_of_their_own(
    error: Exception, status: int, code: bytes
) -> None:
    response = error_response(error)
    assert response.status_code == status
    assert code in bytes(response.body)


def test_a_folder_that_takes_files_is_writable_and_stays_empty(tmp_path: Path) -> None:
    assert why_not_writable(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_is_not_writable(tmp_path: Path) -> None:
    assert isinstance(why_not_writable(tmp_path / "gone"), StorageError)
