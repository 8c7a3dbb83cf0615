"""Every user's adapter versions, the pointer to the one in use, and every move of that pointer.

The only writer of its tables.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlite_utils import Database

from adapters_store.errors import AdapterConflictError, AdapterNotFoundError
from adapters_store.records import BASE, AdapterVersion, LoraConfig, Promotion
from adapters_store.schema import migrate

_JSON_COLUMNS = ("lora", "example_ids", "report")
_PROMOTION_COLUMNS = tuple(field.name for field in fields(Promotion))


class Registry:
    """Versions never change; promotion moves a pointer, by compare-and-set.

    Every writing method is one transaction, or part of the caller's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        migrate(database)

    def next_number(self, user_id: str) -> int:
        """The number of the user's next version; the first is 1."""
        rows = self._database.query(
            "SELECT coalesce(max(number), 0) + 1 AS number FROM adapter_versions WHERE user_id = ?",
            [user_id],
        )
        return int(next(rows)["number"])

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

    def version(self, user_id: str, number: int) -> AdapterVersion:
        """One version of this user. Raises `AdapterNotFoundError`."""
        rows = self._database.query(
            "SELECT * FROM adapter_versions WHERE user_id = ? AND number = ?", [user_id, number]
        )
        for row in rows:
            return _row_to_version(row)
        raise AdapterNotFoundError(f"there is no adapter version v{number}")

    def versions(self, user_id: str) -> list[AdapterVersion]:
        """All versions of this user, newest first."""
        rows = self._database.query(
            "SELECT * FROM adapter_versions WHERE user_id = ? ORDER BY number DESC", [user_id]
        )
        return [_row_to_version(row) for row in rows]

    def active(self, user_id: str) -> AdapterVersion | None:
        """The user's version in use, None for the base model."""
        rows = self._database.query(
            "SELECT v.* FROM adapter_pointers AS p"
            " JOIN adapter_versions AS v ON v.user_id = p.user_id AND v.number = p.number"
            " WHERE p.user_id = ?",
            [user_id],
        )
        return next((_row_to_version(row) for row in rows), None)

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

        Raises `AdapterConflictError` if it is not, or if `number` is in use already, and
        `AdapterNotFoundError` for an unknown version.
        """
        with self._database.atomic():
            actual = self._pointer(user_id)
            _check(expected, actual)
            if number is not None:
                self.version(user_id, number)
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

        Raises `AdapterNotFoundError` if nothing is left to undo, and `AdapterConflictError` if
        another version than `expected` is in use; None expects nothing.
        """
        with self._database.atomic():
            rows = self._database.query(
                "SELECT id, from_number FROM adapter_promotions AS p"
                " WHERE user_id = ? AND undoes IS NULL"
                " AND NOT EXISTS (SELECT 1 FROM adapter_promotions WHERE undoes = p.id)"
                " ORDER BY id DESC LIMIT 1",
                [user_id],
            )
            undone = next(rows, None)
            if undone is None:
                raise AdapterNotFoundError("there is no promotion to roll back")
            pointer = self._pointer(user_id)
            if expected is not None:
                _check(expected, pointer)
            promotion = Promotion(user_id, pointer, undone["from_number"], by, at, reason)
            self._move(promotion, undoes=undone["id"])
        return promotion

    def promotions(self, user_id: str) -> list[Promotion]:
        """Every move of this user's pointer, rollbacks included, newest first."""
        rows = self._database.query(
            "SELECT * FROM adapter_promotions WHERE user_id = ? ORDER BY id DESC", [user_id]
        )
        return [_row_to_promotion(row) for row in rows]

    def rolled_back(self, user_id: str) -> list[AdapterVersion]:
        """The versions that were rolled back and not promoted since, newest first."""
        rows = self._database.query(
            "SELECT * FROM adapter_versions AS v WHERE user_id = ? AND EXISTS ("
            "SELECT 1 FROM adapter_promotions AS r WHERE r.user_id = v.user_id"
            " AND r.from_number = v.number AND r.undoes IS NOT NULL AND NOT EXISTS ("
            "SELECT 1 FROM adapter_promotions AS p WHERE p.user_id = v.user_id"
            " AND p.to_number = v.number AND p.id > r.id)) ORDER BY number DESC",
            [user_id],
        )
        return [_row_to_version(row) for row in rows]

    def is_frozen(self, user_id: str) -> bool:
        """Whether this user's adapter must not be trained."""
        rows = self._database.query(
            "SELECT is_frozen FROM adapter_freezes WHERE user_id = ? ORDER BY id DESC LIMIT 1",
            [user_id],
        )
        return any(row["is_frozen"] for row in rows)

    def set_frozen(self, user_id: str, frozen: bool, *, by: str, at: float) -> None:
        """Stop or allow training; the version in use stays."""
        with self._database.atomic():
            if self.is_frozen(user_id) != frozen:
                self._database.table("adapter_freezes").insert(
                    {"user_id": user_id, "is_frozen": int(frozen), "by": by, "at": at}
                )

    def in_use(self, base_revision: str) -> set[tuple[str, int]]:
        """All versions in use that were made for a base, by user and number."""
        rows = self._database.query(
            "SELECT user_id, number FROM adapter_pointers"
            " JOIN adapter_versions USING (user_id, number) WHERE base_revision = ?",
            [base_revision],
        )
        return {(row["user_id"], row["number"]) for row in rows}

    def folders(self) -> set[str]:
        """The folder names of all versions."""
        rows = self._database.query("SELECT folder FROM adapter_versions")
        return {row["folder"] for row in rows}

    def erase(self, user_id: str) -> list[str]:
        """Delete everything about this user; return the names of the folders to delete.

        `unfinished_erasures` has them, too, until `finish_erasure`: a crash in between must not
        leave files that nobody knows to be erased.
        """
        with self._database.atomic():
            folders = [version.folder for version in self.versions(user_id)]
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

    def unfinished_erasures(self) -> dict[str, list[str]]:
        """The folders to delete, by user."""
        rows = self._database.query("SELECT user_id, folders FROM adapter_erasures")
        return {row["user_id"]: json.loads(row["folders"]) for row in rows}

    def finish_erasure(self, user_id: str) -> None:
        """Forget an erased user whose files are deleted."""
        with self._database.atomic():
            self._database.execute("DELETE FROM adapter_erasures WHERE user_id = ?", [user_id])

    def _pointer(self, user_id: str) -> int | None:
        rows = self._database.query(
            "SELECT number FROM adapter_pointers WHERE user_id = ?", [user_id]
        )
        return next((row["number"] for row in rows), None)

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


def all_versions(database: Database) -> list[AdapterVersion]:
    """Every user's versions, oldest first. It only reads, so the tables must be there."""
    rows = database.query("SELECT * FROM adapter_versions ORDER BY created_at, user_id, number")
    return [_row_to_version(row) for row in rows]


def _check(expected: int | None, actual: int | None) -> None:
    if actual != expected:
        raise AdapterConflictError(
            f"{_label(actual)} is in use, not {_label(expected)}", expected=expected, actual=actual
        )


def _label(number: int | None) -> str:
    return BASE if number is None else f"v{number}"


def _version_to_row(version: AdapterVersion) -> dict[str, Any]:
    """The row of a version. Raises `ValueError` if its report holds NaN."""
    row = asdict(version)
    return row | {name: json.dumps(row[name], allow_nan=False) for name in _JSON_COLUMNS}


def _row_to_version(row: Mapping[str, Any]) -> AdapterVersion:
    lora, example_ids, report = (json.loads(row[name]) for name in _JSON_COLUMNS)
    values = dict(row) | {
        "lora": LoraConfig(lora["rank"], lora["alpha"], tuple(lora["targets"])),
        "example_ids": tuple(example_ids),
        "report": report,
    }
    return AdapterVersion(**values)


def _row_to_promotion(row: Mapping[str, Any]) -> Promotion:
    return Promotion(**{name: row[name] for name in _PROMOTION_COLUMNS})
