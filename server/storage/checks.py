"""Looks at a database before it is used: is it there, whole, and of this release or an earlier one?

Nothing here changes the file.
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlite_utils import Database, Migrations
from sqlite_utils.utils import sqlite3


@contextlib.contextmanager
def open_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads. Raises `sqlite3.Error`."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    with contextlib.closing(connection):
        yield connection


def is_empty(path: Path) -> bool:
    """Whether there is no database at `path`, or one without a table. Raises `sqlite3.Error`."""
    if not path.exists() or path.stat().st_size == 0:
        return True
    with open_to_read(path) as connection:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(tables == 0)


def is_whole(connection: sqlite3.Connection) -> bool:
    """Whether every page and row can be read. It reads the whole file, once."""
    try:
        return connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise  # a lock or the disk; the file may be whole
        return False


def unknown_migrations(connection: sqlite3.Connection, known: Iterable[Migrations]) -> list[str]:
    """The changes in a database that this release does not know: a newer one made them."""
    with Database(memory=True) as empty:  # everything is pending there
        names = {(one.name, each.name) for one in known for each in one.pending(empty)}
    if not connection.execute(
        "SELECT 1 FROM sqlite_master WHERE name = ?", [Migrations.migrations_table]
    ).fetchall():
        return []
    rows = connection.execute(
        f"SELECT migration_set, name FROM {Migrations.migrations_table} ORDER BY rowid"
    )
    return [f"{group}.{name}" for group, name in rows if (group, name) not in names]
