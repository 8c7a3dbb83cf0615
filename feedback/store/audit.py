"""The append-only record of every change of a judgement: who, which, what and when, never text.

A decision on a rule or on a proposal is a judgement, too; its id is the rule's or proposal's.
"""

from enum import StrEnum

from sqlite_utils import Database


class AuditAction(StrEnum):
    """What happened to a judgement. `APPLIED` is a pending one whose completion arrived."""

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
    """Append one entry; `trains` says whether the change affects what is learned.

    Call it inside the transaction that makes the change.
    """
    database.execute(
        "INSERT INTO feedback_audit (feedback_id, user_id, action, at, trains)"
        " VALUES (?, ?, ?, ?, ?)",
        [feedback_id, user_id, action.value, at, int(trains)],
    )


def changed_since(database: Database, user_id: str, since: float) -> int:
    """How many of a user's judgements changed what is learned after `since`."""
    (row,) = database.query(
        "SELECT count(DISTINCT feedback_id) AS changed FROM feedback_audit"
        " WHERE user_id = ? AND trains = 1 AND at > ?",
        [user_id, since],
    )
    return int(row["changed"])


def users(database: Database) -> list[str]:
    """The users whose judgements ever affected what is learned, deleted judgements included."""
    rows = database.query("SELECT DISTINCT user_id FROM feedback_audit WHERE trains = 1 ORDER BY 1")
    return [row["user_id"] for row in rows]
