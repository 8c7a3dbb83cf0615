"""The SQL queries for interactions and feedback. They do not check who owns a row."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlite_utils import Database

from feedback.records import Feedback, Interaction
from feedback.store.rows import feedback_from_row, interaction_from_row

ROWS_AT_ONCE = 200

Cursor = tuple[float, str]
"""Where a page ended: (created_at, id) of its last row."""


def snapshot(database: Database) -> AbstractContextManager[object]:
    """Let all reads of a block see the same data. A shared database waits for no writer here."""
    begin: Callable[[], AbstractContextManager[object]]
    begin = getattr(database, "snapshot", database.atomic)
    return begin()


def find_interaction(database: Database, interaction_id: str) -> Interaction | None:
    """The interaction with this id, whoever owns it."""
    found = select_interactions(database, "id = ?", [interaction_id])
    return found[0] if found else None


def select_interactions(
    database: Database, condition: str, values: Sequence[Any] | dict[str, Any]
) -> list[Interaction]:
    """The interactions that match an SQL condition, oldest first."""
    return [
        interaction_from_row(row)
        for row in select_rows(database, "interactions", condition, values)
    ]


def find_reply(database: Database, user_id: str, interaction_id: str) -> tuple[str, str] | None:
    """The first reply of the user's interaction and its finish reason, without the messages."""
    rows = database.query(
        "SELECT replies ->> 0 AS reply, finish_reasons ->> 0 AS reason FROM interactions"
        " WHERE id = ? AND user_id = ?",
        [interaction_id, user_id],
    )
    return next(((row["reply"] or "", row["reason"] or "") for row in rows), None)


def completion_id_of(database: Database, user_id: str, message_id: str) -> str | None:
    """The id of the user's newest reply to which a frontend has given this id."""
    rows = database.query(
        "SELECT id FROM interactions WHERE user_id = ? AND message_id = ? AND kind = 'chat'"
        " ORDER BY created_at DESC, id DESC LIMIT 1",
        [user_id, message_id],
    )
    return next((row["id"] for row in rows), None)


def is_known(database: Database, interaction_id: str) -> bool:
    """Whether an interaction has this id, or a deleted one had it, whoever owns it."""
    rows = database.query(
        "SELECT 1 FROM interactions WHERE id = :id"
        " UNION ALL SELECT 1 FROM deleted_interactions WHERE id = :id",
        {"id": interaction_id},
    )
    return any(list(rows))


def is_deleted(database: Database, interaction_id: str) -> bool:
    """Whether an interaction with this id was deleted or erased."""
    rows = database.query("SELECT 1 FROM deleted_interactions WHERE id = ?", [interaction_id])
    return any(list(rows))


def find_feedback(database: Database, user_id: str, feedback_id: str) -> Feedback | None:
    """The user's feedback with this id."""
    found = select_feedback(database, "user_id = ? AND id = ?", [user_id, feedback_id])
    return found[0] if found else None


def select_feedback(
    database: Database, condition: str, values: Sequence[Any] | dict[str, Any]
) -> list[Feedback]:
    """The feedback that matches an SQL condition, oldest first."""
    return [feedback_from_row(row) for row in select_rows(database, "feedback", condition, values)]


def select_rows(
    database: Database, table: str, condition: str, values: Sequence[Any] | dict[str, Any]
) -> list[dict[str, Any]]:
    """The rows of a table that match an SQL condition, oldest first, as they are stored."""
    return list(
        database.query(f"SELECT * FROM {table} WHERE {condition} ORDER BY created_at, id", values)
    )


def rows_of(database: Database, table: str, user_id: str) -> Iterator[dict[str, Any]]:
    """All of a user's rows of a table, oldest first, a few at a time.

    Others may use the database between them, and no more than these few are in memory.
    """
    after: Cursor | None = None
    has_more = True
    while has_more:
        rows, has_more = select_page(
            database, table, ["user_id = ?"], [user_id], after=after, limit=ROWS_AT_ONCE
        )
        yield from rows
        if rows:
            after = (rows[-1]["created_at"], rows[-1]["id"])


def select_page(
    database: Database,
    table: str,
    conditions: Sequence[str],
    values: Sequence[Any],
    *,
    after: Cursor | None,
    limit: int,
    is_descending: bool = False,
) -> tuple[list[dict[str, Any]], bool]:
    """One page of rows in order of (created_at, id), and whether more follow.

    Raises:
        ValueError: `limit` is not positive.
    """
    if limit < 1:
        raise ValueError("A page must have at least one row.")
    comparison, direction = ("<", "DESC") if is_descending else (">", "ASC")
    conditions, values = list(conditions), list(values)
    if after is not None:
        conditions.append(f"(created_at, id) {comparison} (?, ?)")
        values.extend(after)
    rows = list(
        database.query(
            f"SELECT * FROM {table} WHERE {' AND '.join(conditions)}"
            f" ORDER BY created_at {direction}, id {direction} LIMIT ?",
            [*values, limit + 1],
        )
    )
    return rows[:limit], len(rows) > limit
