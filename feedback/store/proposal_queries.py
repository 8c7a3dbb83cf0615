"""The few statements on proposals. Knows the table, but not what a decision means."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from feedback.proposals.records import Proposal, ProposalStatus
from feedback.task_types import TaskType


def select_proposals(database: Database, condition: str, values: Sequence[Any]) -> list[Proposal]:
    """The proposals that fulfil an SQL condition, oldest first."""
    rows = database.query(
        f"SELECT * FROM proposals WHERE {condition} ORDER BY created_at, id", values
    )
    return [proposal_from_row(row) for row in rows]


def write_proposal(database: Database, proposal: Proposal) -> None:
    """Keep a proposal, in place of the user's own one with the same id."""
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
    """Forget a proposal."""
    database.execute(
        "DELETE FROM proposals WHERE user_id = ? AND id = ?", [proposal.user_id, proposal.id]
    )


def delete_all_dropped(database: Database, user_id: str, but: int) -> None:
    """Forget a user's dropped proposals, all `but` the newest few."""
    database.execute(
        "DELETE FROM proposals WHERE user_id = :user AND id IN (SELECT id FROM proposals"
        " WHERE user_id = :user AND status = 'dropped'"
        " ORDER BY decided_at DESC, id LIMIT -1 OFFSET :but)",
        {"user": user_id, "but": but},
    )


def proposal_from_row(row: Mapping[str, Any]) -> Proposal:
    """The proposal that `write_proposal` kept as `row`."""
    return Proposal(
        id=row["id"],
        user_id=row["user_id"],
        kind=TaskType(row["kind"]),
        instruction=row["instruction"],
        reply=row["reply"],
        proposed=row["proposed"],
        written=row["written"],
        is_truncated=bool(row["is_truncated"]),
        rules=tuple(json.loads(row["rules"])),
        adapter=row["adapter"],
        created_at=row["created_at"],
        status=ProposalStatus(row["status"]),
        decided_at=row["decided_at"],
    )
