"""The SQL statements on proposals."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from feedback.proposals.records import Proposal, ProposalStatus
from feedback.task_types import TaskType


def select_proposals(database: Database, condition: str, values: Sequence[Any]) -> list[Proposal]:
    """The proposals that match an SQL condition, oldest first."""
    rows = database.query(
        f"SELECT * FROM proposals WHERE {condition} ORDER BY created_at, id", values
    )
    return [proposal_from_row(row) for row in rows]


def write_proposal(database: Database, proposal: Proposal) -> None:
    """Store a proposal, in place of the user's proposal with the same id."""
    row = {
        "user_id": proposal.user_id,
        "id": proposal.id,
        "kind": proposal.kind.value,
        "instruction": proposal.instruction,
        "reply": proposal.reply,
        "proposed": proposal.proposed,
        "written": proposal.written,
        "is_truncated": int(proposal.is_truncated),
        "rules": json.dumps(proposal.rules),
        "adapter": proposal.adapter,
        "created_at": proposal.created_at,
        "status": proposal.status.value,
        "decided_at": proposal.decided_at,
    }
    database.table("proposals").upsert(row, pk=("user_id", "id"))


def delete_proposal(database: Database, proposal: Proposal) -> None:
    """Delete a proposal."""
    database.execute(
        "DELETE FROM proposals WHERE user_id = ? AND id = ?", [proposal.user_id, proposal.id]
    )


def delete_old_dropped(database: Database, user_id: str, limit: int) -> None:
    """Delete a user's dropped proposals, except the `limit` newest."""
    database.execute(
        "DELETE FROM proposals WHERE user_id = :user AND id IN (SELECT id FROM proposals"
        " WHERE user_id = :user AND status = 'dropped'"
        " ORDER BY decided_at DESC, id LIMIT -1 OFFSET :limit)",
        {"user": user_id, "limit": limit},
    )


def proposal_from_row(row: Mapping[str, Any]) -> Proposal:
    """The proposal that `write_proposal` stored as `row`."""
    parsed = {
        "kind": TaskType(row["kind"]),
        "is_truncated": bool(row["is_truncated"]),
        "rules": tuple(json.loads(row["rules"])),
        "status": ProposalStatus(row["status"]),
    }
    return Proposal(**{**row, **parsed})
