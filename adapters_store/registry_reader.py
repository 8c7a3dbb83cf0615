"""Reads every user's adapter versions, the pointer to the one in use, and its moves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlite_utils import Database

from adapters_store.errors import AdapterNotFoundError, AdapterWithdrawnError
from adapters_store.records import AdapterVersion, LoraConfig, Promotion

WITHDRAWAL = "withdrawal"
"""Recorded as the user who took a withdrawn version out of use."""

JSON_COLUMNS = ("lora", "example_ids", "report")
_PROMOTION_COLUMNS = tuple(field.name for field in fields(Promotion))


@dataclass(frozen=True, slots=True)
class AdapterInShort:
    """The number of the version in use, None for the base; how many examples it `learned`; the size
    of all files of the user."""

    number: int | None
    learned: int
    size_bytes: int
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class AdapterTotals:
    """How many users have a version in use, and the size of all files."""

    in_use: int
    size_bytes: int


class RegistryReader:
    """The read methods of the registry; each takes the owner's id, except those about folders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_number(self, user_id: str) -> int:
        """The number of the user's next version; the first is 1."""
        rows = self._database.query(
            "SELECT coalesce(max(number), 0) + 1 AS number FROM adapter_versions WHERE user_id = ?",
            [user_id],
        )
        return int(next(rows)["number"])

    def version(self, user_id: str, number: int) -> AdapterVersion:
        """One version of this user, to look at. Raises `AdapterNotFoundError`."""
        row = self._row(user_id, number)
        if row is None:
            raise AdapterNotFoundError(f"there is no adapter version v{number}")
        if row["deleted_at"] is not None:
            raise AdapterNotFoundError(f"v{number} was deleted")
        return _row_to_version(row)

    def servable(self, user_id: str, number: int) -> AdapterVersion:
        """One version of this user that may answer.

        Raises `AdapterNotFoundError`; its `AdapterWithdrawnError` if the version is withdrawn.
        """
        version = self.version(user_id, number)
        if version.withdrawn_at is not None:
            raise AdapterWithdrawnError(
                f"{version.label} learned from feedback that was deleted or changed since, so it"
                " answers no more: use another version, or base"
            )
        return version

    def servable_ancestor(self, version: AdapterVersion) -> AdapterVersion | None:
        """The nearest version that this one came after and that may answer."""
        parent = version.parent
        while parent is not None and (row := self._row(version.user_id, parent)) is not None:
            if row["withdrawn_at"] is None and row["deleted_at"] is None:
                return _row_to_version(row)
            parent = row["parent"]
        return None

    def newest_with(self, user_id: str, checksum: str) -> AdapterVersion | None:
        """The user's newest version with these weights, even if it is deleted."""
        rows = self._database.query(
            "SELECT * FROM adapter_versions WHERE user_id = ? AND checksum = ?"
            " ORDER BY number DESC LIMIT 1",
            [user_id, checksum],
        )
        return next((_row_to_version(row) for row in rows), None)

    def versions(self, user_id: str) -> list[AdapterVersion]:
        """All versions of this user that are not deleted, newest first."""
        rows = self._database.query(
            "SELECT * FROM adapter_versions WHERE user_id = ? AND deleted_at IS NULL"
            " ORDER BY number DESC",
            [user_id],
        )
        return [_row_to_version(row) for row in rows]

    def servable_versions(self, user_id: str) -> list[tuple[int, float, str]]:
        """Number, time and base revision of the versions that may answer, newest first."""
        rows = self._database.query(
            "SELECT number, created_at, base_revision FROM adapter_versions WHERE user_id = ?"
            " AND deleted_at IS NULL AND withdrawn_at IS NULL ORDER BY number DESC",
            [user_id],
        )
        return [(row["number"], row["created_at"], row["base_revision"]) for row in rows]

    def promoted_at(self, user_id: str) -> float | None:
        """When the version in use last changed; None if it never did."""
        rows = self._database.query(
            "SELECT at FROM adapter_promotions WHERE user_id = ? ORDER BY id DESC LIMIT 1",
            [user_id],
        )
        return next((float(row["at"]) for row in rows), None)

    def active(self, user_id: str) -> AdapterVersion | None:
        """The user's version in use, None for the base model."""
        rows = self._database.query(
            "SELECT v.* FROM adapter_pointers AS p"
            " JOIN adapter_versions AS v ON v.user_id = p.user_id AND v.number = p.number"
            " WHERE p.user_id = ?",
            [user_id],
        )
        return next((_row_to_version(row) for row in rows), None)

    def taken_out_of_use(self, user_id: str) -> AdapterVersion | None:
        """The version that answered until it was withdrawn, if nothing came into use since."""
        rows = self._database.query(
            "SELECT by, from_number FROM adapter_promotions WHERE user_id = ?"
            " ORDER BY id DESC LIMIT 1",
            [user_id],
        )
        newest = next(rows, None)
        if newest is None or newest["by"] != WITHDRAWAL:
            return None
        row = self._row(user_id, newest["from_number"])
        return None if row is None else _row_to_version(row)

    def promotions(self, user_id: str) -> list[Promotion]:
        """Every move of this user's pointer, rollbacks included, newest first."""
        rows = self._database.query(
            "SELECT * FROM adapter_promotions WHERE user_id = ? ORDER BY id DESC", [user_id]
        )
        return [_row_to_promotion(row) for row in rows]

    def rolled_back(self, user_id: str) -> list[AdapterVersion]:
        """The versions that were rolled back and not promoted since, newest first.

        Withdrawn ones are missing.
        """
        rows = self._database.query(
            "SELECT * FROM adapter_versions AS v WHERE user_id = ? AND withdrawn_at IS NULL"
            " AND EXISTS ("
            "SELECT 1 FROM adapter_promotions AS r WHERE r.user_id = v.user_id"
            " AND r.from_number = v.number AND r.undoes IS NOT NULL AND NOT EXISTS ("
            "SELECT 1 FROM adapter_promotions AS p WHERE p.user_id = v.user_id"
            " AND p.to_number = v.number AND p.id > r.id)) ORDER BY number DESC",
            [user_id],
        )
        return [_row_to_version(row) for row in rows]

    def in_short(self, user_id: str) -> AdapterInShort:
        """What lists of users show of one, without reading a report."""
        (row,) = self._database.query(
            "SELECT number, coalesce(json_array_length(example_ids), 0) AS learned,"
            " (SELECT coalesce(sum(size_bytes), 0) FROM adapter_versions WHERE user_id = :user"
            " AND withdrawn_at IS NULL AND deleted_at IS NULL) AS size_bytes"
            " FROM (SELECT 1) LEFT JOIN (SELECT number, example_ids FROM adapter_pointers"
            " JOIN adapter_versions USING (user_id, number) WHERE user_id = :user)",
            {"user": user_id},
        )
        return AdapterInShort(**row, is_frozen=self.is_frozen(user_id))

    def totals(self) -> AdapterTotals:
        """The users with a version in use, and the size of all files, of everybody."""
        (row,) = self._database.query(
            "SELECT (SELECT count(*) FROM adapter_pointers WHERE number IS NOT NULL) AS in_use,"
            " (SELECT coalesce(sum(size_bytes), 0) FROM adapter_versions"
            " WHERE withdrawn_at IS NULL AND deleted_at IS NULL) AS size_bytes"
        )
        return AdapterTotals(**row)

    def is_frozen(self, user_id: str) -> bool:
        """Whether this user's adapter must not be trained."""
        rows = self._database.query(
            "SELECT is_frozen FROM adapter_freezes WHERE user_id = ? ORDER BY id DESC LIMIT 1",
            [user_id],
        )
        return any(row["is_frozen"] for row in rows)

    def in_use(self, base_revision: str) -> set[tuple[str, int]]:
        """All versions in use that were made for a base, by user and number."""
        rows = self._database.query(
            "SELECT user_id, number FROM adapter_pointers"
            " JOIN adapter_versions USING (user_id, number) WHERE base_revision = ?",
            [base_revision],
        )
        return {(row["user_id"], row["number"]) for row in rows}

    def folders(self) -> set[str]:
        """The folder names of all versions that may answer."""
        rows = self._database.query(
            "SELECT folder FROM adapter_versions WHERE withdrawn_at IS NULL AND deleted_at IS NULL"
        )
        return {row["folder"] for row in rows}

    def unused_folders(self) -> set[str]:
        """The folder names of all versions that are withdrawn or deleted."""
        rows = self._database.query(
            "SELECT folder FROM adapter_versions"
            " WHERE withdrawn_at IS NOT NULL OR deleted_at IS NOT NULL"
        )
        return {row["folder"] for row in rows}

    def unfinished_erasures(self) -> dict[str, list[str]]:
        """The folders to delete, by user."""
        rows = self._database.query("SELECT user_id, folders FROM adapter_erasures")
        return {row["user_id"]: json.loads(row["folders"]) for row in rows}

    def _row(self, user_id: str, number: int) -> dict[str, Any] | None:
        rows = self._database.query(
            "SELECT * FROM adapter_versions WHERE user_id = ? AND number = ?", [user_id, number]
        )
        return next(rows, None)

    def _pointer(self, user_id: str) -> int | None:
        rows = self._database.query(
            "SELECT number FROM adapter_pointers WHERE user_id = ?", [user_id]
        )
        return next((row["number"] for row in rows), None)


def all_versions(database: Database) -> list[AdapterVersion]:
    """Every user's versions that may answer, oldest first.

    It only reads, so the tables must be there; those of an earlier release will do.
    """
    rows = database.query("SELECT * FROM adapter_versions ORDER BY created_at, user_id, number")
    ended = ("withdrawn_at", "deleted_at")
    return [_row_to_version(row) for row in rows if all(row.get(each) is None for each in ended)]


def _row_to_version(row: Mapping[str, Any]) -> AdapterVersion:
    lora, example_ids, report = (json.loads(row[name]) for name in JSON_COLUMNS)
    values = {name: row[name] for name in row if name != "deleted_at"} | {
        "lora": LoraConfig(lora["rank"], lora["alpha"], tuple(lora["targets"])),
        "example_ids": tuple(example_ids),
        "report": report,
    }
    return AdapterVersion(**values)


def _row_to_promotion(row: Mapping[str, Any]) -> Promotion:
    return Promotion(**{name: row[name] for name in _PROMOTION_COLUMNS})
