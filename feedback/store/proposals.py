"""Stores proposals and the users' decisions on them. Every public method is one transaction."""

from collections.abc import Iterable
from dataclasses import replace

from sqlite_utils import Database

from feedback.errors import InvalidFeedbackError, NotFoundError
from feedback.proposals.records import MAX_DROPPED, Proposal, ProposalStatus
from feedback.store import audit
from feedback.store.audit import AuditAction
from feedback.store.proposal_queries import (
    delete_old_dropped,
    delete_proposal,
    proposal_from_row,
    select_proposals,
    write_proposal,
)
from feedback.store.queries import select_page
from feedback.store.schema import migrate


class ProposalStore:
    """The proposals of all users; another user's proposal is as unknown as a missing one.

    Approvals and their withdrawal are feedback: the audit records them, so they count towards the
    next training. `FeedbackLog` exports, imports and erases proposals.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        migrate(database)

    def add(self, proposals: Iterable[Proposal]) -> None:
        """Store new proposals, and delete each user's oldest dropped ones."""
        with self._database.atomic():
            users = set()
            for each in proposals:
                write_proposal(self._database, each)
                users.add(each.user_id)
            for user_id in users:
                delete_old_dropped(self._database, user_id, MAX_DROPPED)

    def proposal(self, user_id: str, proposal_id: str) -> Proposal:
        """One of the user's proposals.

        Raises:
            NotFoundError: the user has no such proposal.
        """
        found = select_proposals(self._database, "user_id = ? AND id = ?", [user_id, proposal_id])
        if not found:
            raise NotFoundError(f"There is no proposal {proposal_id!r}.", "proposal_id")
        return found[0]

    def all_of(self, user_id: str) -> list[Proposal]:
        """All of a user's proposals with any status, oldest first."""
        return select_proposals(self._database, "user_id = ?", [user_id])

    def page(
        self, user_id: str, *, status: ProposalStatus | None, after: str | None, limit: int
    ) -> tuple[list[Proposal], bool]:
        """A page of the user's proposals, oldest first, and whether more follow.

        Raises:
            NotFoundError: `after` names none of the user's proposals.
            ValueError: `limit` is not positive.
        """
        conditions, values = ["user_id = ?"], [user_id]
        if status is not None:
            conditions.append("status = ?")
            values.append(status.value)
        cursor = None
        if after is not None:
            last = self.proposal(user_id, after)
            cursor = (last.created_at, last.id)
        rows, has_more = select_page(
            self._database, "proposals", conditions, values, after=cursor, limit=limit
        )
        return [proposal_from_row(row) for row in rows], has_more

    def counts(self, user_id: str) -> dict[ProposalStatus, int]:
        """How many of a user's proposals have each status."""
        rows = self._database.query(
            "SELECT status, count(*) AS n FROM proposals WHERE user_id = ? GROUP BY status",
            [user_id],
        )
        found = {row["status"]: int(row["n"]) for row in rows}
        return {status: found.get(status.value, 0) for status in ProposalStatus}

    def change(
        self,
        user_id: str,
        proposal_id: str,
        *,
        now: float,
        status: ProposalStatus | None = None,
        instruction: str | None = None,
        reply: str | None = None,
    ) -> Proposal:
        """Decide on a proposal, edit it, or both; None changes nothing.

        Raises:
            NotFoundError: the user has no such proposal.
            InvalidFeedbackError: the instruction or the reply would be empty.
        """
        for param, text in (("instruction", instruction), ("reply", reply)):
            if text is not None and not text.strip():
                raise InvalidFeedbackError(f"The {param} is empty.", param)
        with self._database.atomic():
            before = self.proposal(user_id, proposal_id)
            after = replace(
                before,
                status=status or before.status,
                instruction=instruction or before.instruction,
                reply=reply or before.reply,
            )
            if after == before:
                return before
            after = replace(after, decided_at=now)
            write_proposal(self._database, after)
            trains = ProposalStatus.APPROVED in (before.status, after.status)
            self._audit(after, AuditAction.CHANGED, now, trains)
        return after

    def delete(self, user_id: str, proposal_id: str, now: float) -> None:
        """Delete a proposal; the audit records the deletion.

        Raises:
            NotFoundError: the user has no such proposal.
        """
        with self._database.atomic():
            deleted = self.proposal(user_id, proposal_id)
            delete_proposal(self._database, deleted)
            was_approved = deleted.status is ProposalStatus.APPROVED
            self._audit(deleted, AuditAction.DELETED, now, was_approved)

    def _audit(self, proposal: Proposal, action: AuditAction, now: float, trains: bool) -> None:
        audit.record(self._database, proposal.user_id, proposal.id, action, at=now, trains=trains)
