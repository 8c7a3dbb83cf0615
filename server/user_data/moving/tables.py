"""All rows of one user, out of one database and into another, in a form that is the same in both.

Each cell numbers its rows by itself, so a row's number becomes its place among the user's rows.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlite_utils import Database

from server.accounts.moves import ArchiveError

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Table:
    """How one table is read and written.

    `order` is the order in which its rows were made. `number` is the column that the database
    counts up. Each column in `positions` names a row of a numbered table, or is 0 or null.
    """

    name: str
    order: str
    number: str | None = None
    positions: Mapping[str, str] = field(default_factory=dict)


_AUDIT = "feedback_audit"
_PROMOTIONS = "adapter_promotions"
_INDEX = "unseen_feedback"
TABLES = (
    Table("interactions", "created_at, id"),
    Table("feedback", "created_at, id"),
    Table("chat_titles", "conversation_id"),
    Table("rule_decisions", "attribute, value"),
    Table("organisation_choices", "id", number="id"),
    Table(_AUDIT, "sequence", number="sequence"),
    Table("adapter_versions", "number"),
    Table(_PROMOTIONS, "id", number="id", positions={"undoes": _PROMOTIONS}),
    Table("adapter_pointers", "user_id"),
    Table("adapter_freezes", "id", number="id"),
    Table("runs", "rowid"),
    Table("suite_runs", "rowid"),
    Table(
        _INDEX,
        "user_id",
        positions=dict.fromkeys(("newest", "reading", "seen", "rolled_back", "watched"), _AUDIT),
    ),
)
"""In an order in which every row comes after those that it names."""
NOT_MOVED = frozenset({"storage_use", "adapter_erasures", "user_moves", "api_keys"})
"""Tables of users that triggers fill, that are about one cell, or that go with the account."""


def read_rows(database: Database, user_id: str) -> Rows:
    """Everything that the tables hold of a user, at one moment if the caller's block is one."""
    rows: dict[str, list[Row]] = {}
    numbers: dict[str, list[int]] = {}
    for table in TABLES:
        found = list(
            database.query(
                f"select * from {table.name} where user_id = ? order by {table.order}", [user_id]
            )
        )
        if table.number is not None:
            numbers[table.name] = [row.pop(table.number) for row in found]
        for row in found:
            for column, named in table.positions.items():
                row[column] = _place(row[column], numbers[named])
        rows[table.name] = found
    return rows


def write_rows(database: Database, user_id: str, rows: Rows) -> None:
    """Store rows that `read_rows` made in place of the user's, in the caller's transaction.

    Raises `ArchiveError`.
    """
    if unknown := set(rows) - {table.name for table in TABLES}:
        raise ArchiveError(f"there is no table {min(unknown)[:40]!r}")
    ids = json.dumps([row.get("id") for row in rows.get("interactions", ())])
    # A user who comes back: the ids were noted as deleted when the user left.
    database.execute(
        "delete from deleted_interactions where id in (select value from json_each(?))", [ids]
    )
    numbers: dict[str, list[int]] = {}
    for table in reversed(TABLES):
        database.execute(f"delete from {table.name} where user_id = ?", [user_id])
    for table in TABLES:
        columns = _columns(database, table)
        values = ", ".join("?" * len(columns))
        statement = f"insert into {table.name} ({', '.join(columns)}) values ({values})"
        if table.name == _INDEX:  # triggers have begun it
            database.execute(f"delete from {_INDEX} where user_id = ?", [user_id])
        numbers[table.name] = []
        for row in rows.get(table.name, ()):
            if set(row) != set(columns):
                raise ArchiveError(f"the rows of {table.name} are of another release")
            if row["user_id"] != user_id:
                raise ArchiveError(f"a row of {table.name} is another user's")
            for column, named in table.positions.items():
                row = {**row, column: _number(row[column], numbers[named])}
            cursor = database.execute(statement, [row[name] for name in columns])
            numbers[table.name].append(int(cursor.lastrowid or 0))


def digest_of(rows: Rows) -> str:
    """The SHA-256 of rows, the same in every database that holds them."""
    digest = sha256()
    for line in lines_of(rows):
        digest.update(line)
    return digest.hexdigest()


def lines_of(rows: Rows) -> Iterator[bytes]:
    """Rows as JSON lines: the name of the table, then the row."""
    for table in TABLES:
        for row in rows.get(table.name, ()):
            yield json.dumps([table.name, row], sort_keys=True).encode() + b"\n"


def _columns(database: Database, table: Table) -> list[str]:
    found = database.query("select name from pragma_table_info(?)", [table.name])
    return [row["name"] for row in found if row["name"] != table.number]


def _place(number: int | None, numbers: Sequence[int]) -> int | None:
    """The place of a row among the user's, from 1; 0 is before all."""
    return None if number is None else sum(each <= number for each in numbers)


def _number(place: Any, numbers: Sequence[int]) -> int | None:
    if place is None or place == 0:
        return place  # type: ignore[no-any-return]
    if not isinstance(place, int) or not 1 <= place <= len(numbers):
        raise ArchiveError("a row names another one that is not there")
    return numbers[place - 1]
