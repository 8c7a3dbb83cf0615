"""Finds users for admins: search, filters and order are SQL, so memory holds one page at most."""

from dataclasses import dataclass
from typing import Any

from server.accounts.accounts import UnknownAccountError
from server.database import SharedDatabase
from server.wire.paging import UserQuery

_SEARCHED = ("u.name", "u.id", "u.display_name")
_FROM = (
    "users AS u"
    " LEFT JOIN unseen_feedback AS unseen ON unseen.user_id = u.id"
    " LEFT JOIN adapter_pointers AS pointer ON pointer.user_id = u.id"
)
_KEYS = {
    "created": "u.created_at",
    "name": "u.name COLLATE NOCASE",
    "last_seen": "coalesce(u.last_seen_at, 0)",
    "new_feedback": "coalesce(unseen.items, 0)",
    "version": "coalesce(pointer.number, 0)",
}
_STATUSES = {
    "base": "pointer.number IS NULL AND u.kind != 'frontend'",
    "version": "pointer.number IS NOT NULL",
    "frozen": "coalesce((SELECT is_frozen FROM adapter_freezes WHERE user_id = u.id"
    " ORDER BY id DESC LIMIT 1), 0)",
    "training": "EXISTS (SELECT 1 FROM runs WHERE user_id = u.id"
    " AND status IN ('queued', 'running'))",
}


@dataclass(frozen=True, slots=True)
class FoundUsers:
    """The ids of one page, whether more follow, and how many match in all."""

    ids: tuple[str, ...]
    has_more: bool
    total: int


def find_users(
    database: SharedDatabase, query: UserQuery, *, only_learners: bool = False
) -> FoundUsers:
    """One page of users; equal ones are in the order of their ids.

    Frontends do not learn. Raises `UnknownAccountError` if `after` is nobody's id.
    """
    conditions, values = _matches(query)
    if only_learners:
        conditions.append("u.kind != 'frontend'")
    key = _KEYS[query.sort]
    comparison, direction = (">", "ASC") if query.order == "asc" else ("<", "DESC")
    with database.snapshot():
        (total,) = database.query(
            f"SELECT count(*) AS n FROM {_FROM} WHERE {' AND '.join(conditions)}", values
        )
        if query.after is not None:
            conditions.append(f"({key}, u.id) {comparison} (:key, :after)")
            values |= {"key": _key_of(database, key, query.after), "after": query.after}
        rows = database.query(
            f"SELECT u.id FROM {_FROM} WHERE {' AND '.join(conditions)}"
            f" ORDER BY {key} {direction}, u.id {direction} LIMIT :limit",
            values | {"limit": query.limit + 1},
        )
    ids = [row["id"] for row in rows]
    return FoundUsers(tuple(ids[: query.limit]), len(ids) > query.limit, total["n"])


def _matches(query: UserQuery) -> tuple[list[str], dict[str, Any]]:
    conditions, values = ["1"], {}
    if query.search:
        contains = " OR ".join(f"{each} LIKE :search ESCAPE '!'" for each in _SEARCHED)
        conditions.append(f"({contains})")
        values["search"] = f"%{_literally(query.search)}%"
    if query.kind is not None:
        conditions.append("u.kind = :kind")
        values["kind"] = query.kind.value
    if query.status is not None:
        conditions.append(_STATUSES[query.status])
    return conditions, values


def _literally(text: str) -> str:
    for each in "!%_":
        text = text.replace(each, f"!{each}")
    return text


def _key_of(database: SharedDatabase, key: str, user_id: str) -> Any:
    rows = database.query(f"SELECT {key} AS key FROM {_FROM} WHERE u.id = ?", [user_id])
    row = next(rows, None)
    if row is None:
        raise UnknownAccountError(f"there is no user {user_id!r}: read the list from its start")
    return row["key"]
