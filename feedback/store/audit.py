"""The append-only record of all changes to feedback: who, which, what and when, but no text.

Decisions on rules count as feedback; their id is the rule's.
"""

from enum import StrEnum

from sqlite_utils import Database


class AuditAction(StrEnum):
    """What happened to the feedback. `APPLIED`: it was pending, and its completion arrived."""

    CREATED = "created"
    CHANGED = "changed"
    APPLIED = "applied"
    DELETED = "deleted"
    REJECTED = "rejected"
    EXPIRED = "expired"


def record(
    database: Database,
    user_id: str,
    feedback_id: str,
    action: AuditAction,
    *,
    at: float,
    trains: bool,
) -> None:
    """Append one entry in the transaction of the change; `trains`: whether it affects training."""
    database.execute(
        "INSERT INTO feedback_audit (feedback_id, user_id, action, at, trains)"
        " VALUES (?, ?, ?, ?, ?)",
        [feedback_id, user_id, action.value, at, int(trains)],
    )


def changed_since(database: Database, user_id: str, sequence: int) -> int:
    """How many items of a user's feedback changed after the entry `sequence` in a way that affects
    training."""
    (row,) = database.query(
        "SELECT count(DISTINCT feedback_id) AS changed FROM feedback_audit"
        " WHERE user_id = ? AND trains = 1 AND sequence > ?",
        [user_id, sequence],
    )
    return int(row["changed"])
