"""Every user's adapter versions, the pointer to the one in use, and every move of that pointer.

The only writer of its tables.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlite_utils import Database

from adapters_store.errors import AdapterConflictError, AdapterNotFoundError
from adapters_store.records import BASE, AdapterVersion, Promotion
from adapters_store.registry_reader import JSON_COLUMNS, WITHDRAWAL, RegistryReader
from adapters_store.schema import WITHOUT_QUOTES, migrate


class Registry(RegistryReader):
    """Versions never change; promotion moves a pointer, by compare-and-set.

    The pointer is never at a version that is withdrawn or deleted. Every writing method is one
    transaction, or part of the caller's.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        migrate(database)

    def register(self, version: AdapterVersion) -> None:
        """Store a published version, without promoting it.

        Raises `AdapterConflictError` if its number is not the user's next.
        """
        with self._database.atomic():
            number = self.next_number(version.user_id)
            if version.number != number:
                raise AdapterConflictError(
                    f"the next version is v{number}, not {version.label}",
                    expected=version.number,
                    actual=number,
                )
            self._database.table("adapter_versions").insert(_version_to_row(version))

    def promote(
        self,
        user_id: str,
        number: int | None,
        *,
        expected: int | None,
        by: str,
        at: float,
        reason: str,
    ) -> Promotion:
        """Put a version, or the base (None), in use if `expected` is still in use.

        Raises `AdapterConflictError` if it is not, or if `number` is in use already, and what
        `servable` raises.
        """
        with self._database.atomic():
            actual = self._pointer(user_id)
            _check(expected, actual)
            if number is not None:
                self.servable(user_id, number)
            if number == actual:
                raise AdapterConflictError(
                    f"{_label(number)} is in use already", expected=expected, actual=actual
                )
            promotion = Promotion(user_id, actual, number, by, at, reason)
            self._move(promotion, undoes=None)
        return promotion

    def roll_back(
        self, user_id: str, *, by: str, at: float, reason: str, expected: int | None = None
    ) -> Promotion:
        """Undo the newest promotion that is not undone yet; repeated calls end at the base.

        Promotions of versions that are withdrawn or deleted are undone with it: the user goes back
        to the version before, and the reason names those that were skipped. Raises
        `AdapterNotFoundError` if nothing is left to undo, and `AdapterConflictError` if another
        version than `expected` is in use; None expects nothing.
        """
        with self._database.atomic():
            pointer = self._pointer(user_id)
            skipped: list[str] = []
            for undone in self._not_undone(user_id):
                number = undone["from_number"]
                if undone["is_gone"]:
                    skipped.append(_label(number))
                elif number != pointer:
                    break
            else:
                why = f": {_skipped(skipped)}" if skipped else ""
                raise AdapterNotFoundError(f"there is no promotion to roll back{why}")
            if expected is not None:
                _check(expected, pointer)
            why = f"{reason}; {_skipped(skipped)}" if skipped else reason
            promotion = Promotion(user_id, pointer, number, by, at, why)
            self._move(promotion, undoes=undone["id"])
        return promotion

    def withdraw(
        self, user_id: str, example_ids: Collection[str], at: float, *, to_ancestor: bool = False
    ) -> None:
        """Mark the user's versions that learned any of these examples: they never answer again.

        What their reports quote of the user is deleted. If one of them is in use, the base takes
        its place, or with `to_ancestor` the nearest version before it that may answer.
        """
        with self._database.atomic():
            self._database.execute(
                "UPDATE adapter_versions SET withdrawn_at = ?, report = "
                f"{WITHOUT_QUOTES} WHERE user_id = ? AND withdrawn_at IS NULL AND EXISTS ("
                "SELECT 1 FROM json_each(example_ids) AS learned"
                " WHERE learned.value IN (SELECT gone.value FROM json_each(?) AS gone))",
                [at, user_id, json.dumps([*example_ids])],
            )
            active = self.active(user_id)
            if active is not None and active.withdrawn_at is not None:
                reason = f"{active.label} learned from feedback that was deleted or changed"
                ancestor = self.servable_ancestor(active) if to_ancestor else None
                number = None if ancestor is None else ancestor.number
                move = Promotion(user_id, active.number, number, WITHDRAWAL, at, reason)
                self._move(move, undoes=None)

    def delete(self, user_id: str, number: int, at: float) -> AdapterVersion:
        """Delete a version; its folder is among `unused_folders` then.

        Raises `AdapterConflictError` if it is in use, and `AdapterNotFoundError`.
        """
        with self._database.atomic():
            version, pointer = self.version(user_id, number), self._pointer(user_id)
            if number == pointer:
                raise AdapterConflictError(
                    f"{version.label} is in use: promote another version, or base, before",
                    expected=None,
                    actual=pointer,
                )
            self._database.execute(
                "UPDATE adapter_versions SET deleted_at = ? WHERE user_id = ? AND number = ?",
                [at, user_id, number],
            )
        return version

    def prune(self, kept: int, at: float) -> None:
        """Delete all but the newest `kept` versions of each user, never one that is in use.

        Withdrawn versions have no files, and as many of them are kept to look at.
        """
        with self._database.atomic():
            self._database.execute(
                "UPDATE adapter_versions SET deleted_at = ? WHERE (user_id, number) IN ("
                "SELECT user_id, number FROM ("
                "SELECT user_id, number, row_number() OVER (PARTITION BY user_id,"
                " withdrawn_at IS NULL ORDER BY number DESC) AS place"
                " FROM adapter_versions WHERE deleted_at IS NULL) WHERE place > ?)"
                " AND NOT EXISTS (SELECT 1 FROM adapter_pointers AS p"
                " WHERE p.user_id = adapter_versions.user_id"
                " AND p.number = adapter_versions.number)",
                [at, kept],
            )

    def set_frozen(self, user_id: str, frozen: bool, *, by: str, at: float) -> None:
        """Stop or allow training; the version in use stays."""
        with self._database.atomic():
            if self.is_frozen(user_id) != frozen:
                self._database.table("adapter_freezes").insert(
                    {"user_id": user_id, "is_frozen": int(frozen), "by": by, "at": at}
                )

    def erase(self, user_id: str) -> list[str]:
        """Delete everything about this user; return the names of the folders to delete.

        `unfinished_erasures` has them, too, until `finish_erasure`: a crash in between must not
        leave files that nobody knows to be erased.
        """
        with self._database.atomic():
            rows = self._database.query(
                "SELECT folder FROM adapter_versions WHERE user_id = ? ORDER BY number DESC",
                [user_id],
            )
            folders = [row["folder"] for row in rows]
            # Rollbacks reference promotions, and all reference versions.
            self._database.execute(
                "UPDATE adapter_promotions SET undoes = NULL WHERE user_id = ?", [user_id]
            )
            for table in ("pointers", "promotions", "freezes", "versions"):
                self._database.execute(f"DELETE FROM adapter_{table} WHERE user_id = ?", [user_id])
            self._database.execute(
                "INSERT OR REPLACE INTO adapter_erasures (user_id, folders) VALUES (?, ?)",
                [user_id, json.dumps(folders)],
            )
        return folders

    def finish_erasure(self, user_id: str) -> None:
        """Forget an erased user whose files are deleted."""
        with self._database.atomic():
            self._database.execute("DELETE FROM adapter_erasures WHERE user_id = ?", [user_id])

    def _not_undone(self, user_id: str) -> list[dict[str, Any]]:
        """The promotions that no rollback undid or went past, newest first.

        `is_gone` says whether the version before may not answer.
        """
        rows = self._database.query(
            "SELECT p.id, p.from_number,"
            " v.withdrawn_at IS NOT NULL OR v.deleted_at IS NOT NULL AS is_gone"
            " FROM adapter_promotions AS p LEFT JOIN adapter_versions AS v"
            " ON v.user_id = p.user_id AND v.number = p.from_number"
            " WHERE p.user_id = ? AND p.undoes IS NULL AND NOT EXISTS ("
            "SELECT 1 FROM adapter_promotions AS r WHERE r.user_id = p.user_id"
            " AND r.undoes <= p.id AND p.id < r.id) ORDER BY p.id DESC",
            [user_id],
        )
        return list(rows)

    def _move(self, promotion: Promotion, *, undoes: int | None) -> None:
        self._database.table("adapter_promotions").insert(
            {
                "user_id": promotion.user_id,
                "from_number": promotion.from_number,
                "to_number": promotion.to_number,
                "by": promotion.by,
                "at": promotion.at,
                "reason": promotion.reason,
                "undoes": undoes,
            }
        )
        self._database.execute(
            "INSERT INTO adapter_pointers (user_id, number) VALUES (?, ?)"
            " ON CONFLICT (user_id) DO UPDATE SET number = excluded.number",
            [promotion.user_id, promotion.to_number],
        )


def _check(expected: int | None, actual: int | None) -> None:
    if actual != expected:
        raise AdapterConflictError(
            f"{_label(actual)} is in use, not {_label(expected)}", expected=expected, actual=actual
        )


def _label(number: int | None) -> str:
    return BASE if number is None else f"v{number}"


def _skipped(labels: Sequence[str]) -> str:
    """Such as "skipped v3, v2: withdrawn or deleted"."""
    names = ", ".join(dict.fromkeys(labels))
    return f"skipped {names}: withdrawn or deleted"


def _version_to_row(version: AdapterVersion) -> dict[str, Any]:
    """The row of a version. Raises `ValueError` if its report holds NaN."""
    row = asdict(version)
    return row | {name: json.dumps(row[name], allow_nan=False) for name in JSON_COLUMNS}
