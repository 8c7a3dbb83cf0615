"""The one connection to the database, safe to share between threads."""

import logging
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database
from sqlite_utils.utils import sqlite3

from server.storage.errors import DamagedError, StorageError, storage_error
from server.storage.write_probe import why_not_writable

_log = logging.getLogger(__name__)

_INCREMENTAL = 2
_FREED_PAGES = 1000
# How long a write waits for another program's lock. While one is known, writes do not wait for it:
# everybody else would wait behind them.
_PATIENCE_MS = 10_000
_IMPATIENCE_MS = 200
# So old may be the proof that writing works.
_PROOF_SECONDS = 1.0


class SharedDatabase(Database):
    """A `sqlite_utils.Database` that several threads may use at once.

    Callers take turns on this one connection, so no second connection can race a checkpoint
    (https://sqlite.org/wal.html#walresetbug). `atomic()` writes and `query()` reads; both lock, and
    raise `StorageError` if the disk is full, or the file locked, read-only or damaged.
    """

    def __init__(self, path: Path) -> None:
        connection = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None)
        super().__init__(connection)
        self._path = path
        self._lock = threading.RLock()
        self._failure: StorageError | None = None
        self._written_at = -_PROOF_SECONDS
        _shrink_by_pages(connection)
        # FULL: acknowledged feedback survives a power cut, not only a crash.
        for pragma in (
            f"busy_timeout = {_PATIENCE_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @contextmanager
    def atomic(self) -> Generator[Database, None, None]:
        """Run the block as one transaction, while no other caller may execute.

        It has the write lock from the start, so that it waits for another program's lock before it
        reads. If it waited afterwards, SQLite would refuse it at once.
        """
        with self._lock:
            if self.conn.in_transaction:
                with super().atomic():
                    yield self
                return
            changes = self.conn.total_changes
            with self._noting_failures():
                with self._transaction("BEGIN IMMEDIATE"):
                    yield self
                if self.conn.total_changes != changes:
                    self._note_written()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all reads of the block see the same data. It waits for no other program's lock."""
        with self._lock:
            if self.conn.in_transaction:
                yield
                return
            with self._noting_failures(), self._transaction("BEGIN"):
                yield

    def query(
        self, sql: str, params: Sequence[Any] | dict[str, Any] | None = None
    ) -> Generator[dict[str, Any], None, None]:
        """Execute a SELECT and return its rows, all fetched before another caller may execute.

        sqlite-utils would open and release a savepoint around it, in case it is no SELECT.
        """
        with self._lock, self._noting_failures():
            cursor = self.execute(sql, params)
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
        return (row for row in rows)

    def checkpoint(self) -> None:
        """Give unused pages back, move the write-ahead log into the database file and empty it.

        Raises `StorageError`.
        """
        while self._free_some_pages():
            pass
        with self._lock, self._noting_failures():
            self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _free_some_pages(self) -> bool:
        """Whether it freed any; a few at a time, so that nobody waits long."""
        with self._lock, self._noting_failures():
            (before,) = self.conn.execute("PRAGMA freelist_count").fetchone()
            self.conn.execute(f"PRAGMA incremental_vacuum({_FREED_PAGES})").fetchall()
            (after,) = self.conn.execute("PRAGMA freelist_count").fetchone()
        return bool(after < before)

    def copy_to(self, path: Path) -> None:
        """Write a copy of the database as it is now to a new file; others wait meanwhile.

        Raises `sqlite3.Error`, which may be the fault of the copy's disk.
        """
        with self._lock:
            self.conn.execute("VACUUM INTO ?", [str(path)])

    def problem(self) -> StorageError | None:
        """Why nothing can be stored now, None if it can.

        It tries by writing a little, unless something was written within a second. Damage that
        was met once stays a problem.
        """
        with self._lock:
            is_proven = time.monotonic() - self._written_at < _PROOF_SECONDS
            is_certain = isinstance(self._failure, DamagedError) or self.conn.in_transaction
            if not is_certain and (self._failure is not None or not is_proven):
                self._try_writing()
            return self._failure

    def _try_writing(self) -> None:
        try:
            # The log may have room for a row on a full disk.
            if (reason := why_not_writable(self._path.parent)) is not None:
                self._failure = reason
                return
            with self._noting_failures(), self._transaction("BEGIN IMMEDIATE"):
                (version,) = self.conn.execute("PRAGMA user_version").fetchone()
                self.conn.execute(f"PRAGMA user_version = {version}")
            self._note_written()
        except StorageError:
            pass  # noted

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self.conn.execute(begin)
        try:
            yield
            self.conn.execute("COMMIT")
        except BaseException:
            self.conn.rollback()  # nothing, if the error ended the transaction
            raise

    @contextmanager
    def _noting_failures(self) -> Iterator[None]:
        """Raise what SQLite says of the storage as `StorageError`, and remember it."""
        try:
            yield
        except sqlite3.Error as error:
            failure = storage_error(error)
            if failure is None:
                raise
            if not isinstance(self._failure, DamagedError):
                self._failure = failure
            self._wait_at_most(_IMPATIENCE_MS)
            raise failure from error

    def _note_written(self) -> None:
        self._written_at = time.monotonic()
        if self._failure is not None and not isinstance(self._failure, DamagedError):
            self._failure = None
            self._wait_at_most(_PATIENCE_MS)

    def _wait_at_most(self, milliseconds: int) -> None:
        self.conn.execute(f"PRAGMA busy_timeout = {milliseconds}")


def _shrink_by_pages(connection: Any) -> None:
    """Let the file give pages back; one of an earlier release is written anew for that, once."""
    (mode,) = connection.execute("PRAGMA auto_vacuum").fetchone()
    if mode == _INCREMENTAL:
        return
    connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    if pages:
        try:
            connection.execute("VACUUM")
        except sqlite3.DatabaseError as error:
            _log.warning("the database file cannot be made smaller: %s", error)
