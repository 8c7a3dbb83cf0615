"""The one connection to the database, safe to share between threads."""

import contextlib
import logging
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database
from sqlite_utils.utils import sqlite3

_log = logging.getLogger(__name__)

_INCREMENTAL = 2
_FREED_PAGES = 1000


class SharedDatabase(Database):
    """A `sqlite_utils.Database` that several threads may use at once.

    Callers take turns on this one connection, so no second connection can race a checkpoint
    (https://sqlite.org/wal.html#walresetbug). `atomic()` writes and `query()` reads; both lock.
    """

    def __init__(self, path: Path) -> None:
        connection = sqlite3.connect(
            str(path), check_same_thread=False, isolation_level=None, timeout=10
        )
        super().__init__(connection)
        self._lock = threading.RLock()
        _shrink_by_pages(connection)
        # FULL: acknowledged feedback survives a power cut, not only a crash.
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @contextmanager
    def atomic(self) -> Generator[Database, None, None]:
        """Run the block as one transaction, while no other caller may execute."""
        with self._lock, super().atomic():
            yield self

    def query(
        self, sql: str, params: Sequence[Any] | dict[str, Any] | None = None
    ) -> Generator[dict[str, Any], None, None]:
        """Execute `sql` and return its rows, all fetched before another caller may execute."""
        with self._lock:
            rows = list(super().query(sql, params))
        return (row for row in rows)

    def checkpoint(self) -> None:
        """Give unused pages back, move the write-ahead log into the database file and empty it."""
        while self._free_some_pages():
            pass
        with self._lock:
            self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _free_some_pages(self) -> bool:
        """Whether it freed any; a few at a time, so that nobody waits long."""
        with self._lock:
            (before,) = self.conn.execute("PRAGMA freelist_count").fetchone()
            self.conn.execute(f"PRAGMA incremental_vacuum({_FREED_PAGES})").fetchall()
            (after,) = self.conn.execute("PRAGMA freelist_count").fetchone()
        return bool(after < before)


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


def is_empty(path: Path) -> bool:
    """Whether there is no database at `path`, or one without a table. Changes nothing."""
    if not path.exists() or path.stat().st_size == 0:
        return True
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    with contextlib.closing(connection):
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(tables == 0)
