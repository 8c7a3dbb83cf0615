"""An account with its keys, out of one database and into another."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from server.accounts.accounts import Account, NameTakenError, check_name, hash_identity
from server.accounts.moves import ArchiveError

Row = dict[str, Any]


def read_account(database: Database, account_id: str) -> tuple[Row, list[Row]]:
    """The account's row, and those of its keys, which hold only hashes."""
    (account,) = database.query("select * from users where id = ?", [account_id])
    keys = database.query(
        "select * from api_keys where user_id = ? order by created_at, public_id", [account_id]
    )
    return account, list(keys)


def write_account(database: Database, account: Row, keys: Sequence[Row]) -> None:
    """Store an account in place of the one with its id, in the caller's transaction.

    Raises `NameTakenError`, `InvalidNameError`, and `ArchiveError` for rows of another release.
    """
    _check_columns(database, "users", account)
    if account["frontend_id"] is None:
        check_name(account["name"])
    taken = database.query(
        "select 1 from users where name = ? and id != ?", [account["name"], account["id"]]
    )
    if next(taken, None) is not None:
        raise NameTakenError(f"another user here has the name {account['name']!r}")
    columns = ", ".join(account)
    changes = ", ".join(f"{name} = excluded.{name}" for name in account)
    database.execute(
        f"insert into users ({columns}) values ({', '.join('?' * len(account))})"
        f" on conflict (id) do update set {changes}",
        list(account.values()),
    )
    database.execute("delete from api_keys where user_id = ?", [account["id"]])
    for key in keys:
        _check_columns(database, "api_keys", key)
        if key["user_id"] != account["id"]:
            raise ArchiveError("a key is another user's")
        values = ", ".join("?" * len(key))
        database.execute(f"insert into api_keys values ({values})", [*key.values()])
    if account["frontend_id"] is not None:
        database.execute(
            "delete from erased_identities where frontend_id = ? and external_hash = ?",
            [account["frontend_id"], hash_identity(str(account["external_id"]))],
        )


def public_ids(database: Database) -> list[tuple[str, str]]:
    """The id of every user with a key of its own, and the public part of that key."""
    rows = database.query(
        "select user_id, public_id from api_keys join users on users.id = user_id"
        " where kind = 'user' order by user_id, public_id"
    )
    return [(row["user_id"], row["public_id"]) for row in rows]


def public_ids_of(database: Database, account: Account) -> list[str]:
    """The public parts of one account's keys."""
    rows = database.query(
        "select public_id from api_keys where user_id = ? order by public_id", [account.id]
    )
    return [row["public_id"] for row in rows]


def _check_columns(database: Database, table: str, row: Mapping[str, Any]) -> None:
    found = database.query("select name from pragma_table_info(?)", [table])
    if list(row) != [each["name"] for each in found]:
        raise ArchiveError("the account is of another release")
