"""Remembers interactions and judgements: the one object that callers use, the one that writes.

Every public method is one transaction. Knows no HTTP and makes no decision about learning.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from sqlite_utils import Database

from feedback.errors import InvalidFeedbackError, NotFoundError
from feedback.proposals.records import Proposal, ProposalStatus
from feedback.records import Feedback, FeedbackStatus, Interaction
from feedback.rules.user_rules import MAX_DECISIONS, RuleDecision, exclude_each_other, rule_id
from feedback.store import audit
from feedback.store.audit import AuditAction
from feedback.store.jsonl import parse_rows, row_error
from feedback.store.proposal_queries import select_proposals, write_proposal
from feedback.store.queries import find_feedback, find_interaction, is_deleted, select_feedback
from feedback.store.reader import FeedbackReader
from feedback.store.rows import feedback_to_row, interaction_to_row, metadata_to_text
from feedback.store.rule_decisions import delete_decision, insert_decision
from feedback.store.schema import migrate
from feedback.validation import check_against, check_alone, says_something


class FeedbackLog(FeedbackReader):
    """What was said and what people thought of it.

    `clock` stamps changes that come without a time: imports, deletions of whole interactions,
    and pending judgements that become applied. Deleted text leaves the database's files with
    the next checkpoint.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        super().__init__(database)
        self._clock = clock
        migrate(database)

    def store(self, interaction: Interaction) -> None:
        """Remember an interaction, and apply its owner's feedback that waited for it."""
        with self._database.atomic():
            self._database.table("interactions").insert(interaction_to_row(interaction))
            self._apply_pending(interaction)

    def supersede(self, user_id: str, request_hash: str, since: float) -> list[str]:
        """Mark the user's earlier attempts at the same request, made at or after `since`.

        Returns their ids, oldest first. An empty hash matches nothing.
        """
        if not request_hash:
            return []
        with self._database.atomic():
            rows = self._database.query(
                "SELECT id FROM interactions WHERE user_id = ? AND request_hash = ?"
                " AND created_at >= ? AND status != 'superseded' ORDER BY created_at, id",
                [user_id, request_hash, since],
            )
            ids = [row["id"] for row in rows]
            for each in ids:
                self._database.execute(
                    "UPDATE interactions SET status = 'superseded' WHERE id = ?", [each]
                )
        return ids

    def set_metadata(
        self, user_id: str, interaction_id: str, metadata: Mapping[str, str]
    ) -> Interaction:
        """Replace the metadata of one of the user's interactions.

        Raises:
            NotFoundError: the user has no such interaction.
        """
        with self._database.atomic():
            changed = replace(self.interaction(user_id, interaction_id), metadata=dict(metadata))
            self._database.execute(
                "UPDATE interactions SET metadata = ? WHERE id = ?",
                [metadata_to_text(metadata), interaction_id],
            )
        return changed

    def delete_interaction(self, user_id: str, interaction_id: str) -> None:
        """Forget an interaction and its judgements; only its id stays, so late feedback is refused.

        A judgement of another reply that named this one as the loser keeps what else it says.

        Raises:
            NotFoundError: the user has no such interaction.
        """
        with self._database.atomic():
            deleted = self.interaction(user_id, interaction_id)
            now = self._clock()
            naming = self._naming(user_id, interaction_id)
            # A reply that was answered again is part of what the later judgement teaches.
            for feedback in [] if naming else self._of_later_answers(deleted):
                audit.record(
                    self._database,
                    feedback.user_id,
                    feedback.id,
                    AuditAction.CHANGED,
                    at=now,
                    trains=self._trains(feedback),
                )
            for feedback in naming:
                rest = replace(feedback, preferred_over=None)
                if feedback.completion_id == interaction_id or not says_something(rest):
                    self._remove(feedback, AuditAction.DELETED, now)
                else:
                    self._write(rest, AuditAction.CHANGED, now, self._trains(feedback))
            self._database.execute("DELETE FROM interactions WHERE id = ?", [interaction_id])
            self._database.execute(
                "INSERT OR IGNORE INTO deleted_interactions VALUES (?)", [interaction_id]
            )

    def add_feedback(self, feedback: Feedback) -> tuple[Feedback, bool]:
        """Remember a judgement, in place of the user's earlier one with the same id.

        Returns it as stored, and whether it is new. An unknown target makes it pending; the
        `status` that was passed in does not count, and `created_at` stays that of the first.

        Raises:
            InvalidFeedbackError: nothing is judged, or what is makes no sense.
            NotFoundError: a completion it names belongs to somebody else or was deleted, or the
                one that lost is unknown.
        """
        return self._judge(feedback, at=feedback.updated_at)

    def delete_feedback(self, user_id: str, feedback_id: str, now: float) -> None:
        """Forget a judgement; the audit keeps that it was deleted.

        Raises:
            NotFoundError: the user has no such judgement.
        """
        with self._database.atomic():
            self._remove(self.feedback(user_id, feedback_id), AuditAction.DELETED, now)

    def decide(self, decision: RuleDecision) -> None:
        """Remember a decision on a rule, in place of the user's earlier ones that it excludes.

        Raises:
            InvalidFeedbackError: the user has decided on as many rules as can be kept.
        """
        self._decide(decision, at=decision.decided_at)

    def undo_rule_decision(self, user_id: str, wanted_id: str, now: float) -> None:
        """Forget the user's decision on the rule with this id: it stands if judgements show it.

        Raises:
            NotFoundError: the user decided nothing about such a rule.
        """
        with self._database.atomic():
            decision = self.decision(user_id, wanted_id)
            delete_decision(self._database, decision)
            self._audit_decision(decision, AuditAction.DELETED, now)

    def expire_pending(self, before: float) -> int:
        """Drop feedback last changed before `before` whose completion never came; how many."""
        with self._database.atomic():
            expired = select_feedback(
                self._database, "status = 'pending' AND updated_at < ?", [before]
            )
            for feedback in expired:
                self._remove(feedback, AuditAction.EXPIRED, self._clock())
        return len(expired)

    def import_rows(self, user_id: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Store rows that `export` made, as this user's own, all or none; how many were stored.

        What the user already has is left as it is, so importing twice changes nothing; so are
        decisions that exclude an imported one. An id that is taken or was deleted is replaced by
        a new one, also in the judgements.

        Raises:
            InvalidFeedbackError: a row is malformed; `param` says which one and where.
        """
        interactions, judgements, decisions, proposals = parse_rows(user_id, rows)
        with self._database.atomic():
            new_ids: dict[str, str] = {}
            stored = sum(self._import_interaction(each, new_ids) for each in interactions)
            for number, feedback in judgements:
                try:
                    stored += self._import_feedback(feedback, new_ids)
                except (InvalidFeedbackError, NotFoundError) as error:
                    raise row_error(number, str(error), error.param) from error
            for number, decision in decisions:
                try:
                    stored += self._import_decision(decision)
                except InvalidFeedbackError as error:
                    raise row_error(number, str(error), error.param) from error
            stored += sum(map(self._import_proposal, proposals))
        return stored

    def erase(self, user_id: str) -> int:
        """Forget everything of a user; how many rows went. Ids of interactions alone stay, unowned.

        Raises nothing for an unknown user.
        """
        with self._database.atomic():
            self._database.execute(
                "INSERT OR IGNORE INTO deleted_interactions"
                " SELECT id FROM interactions WHERE user_id = ?",
                [user_id],
            )
            erased = 0
            for table in ("feedback", "interactions", "rule_decisions", "proposals"):
                cursor = self._database.execute(f"DELETE FROM {table} WHERE user_id = ?", [user_id])
                erased += cursor.rowcount
            self._database.execute("DELETE FROM feedback_audit WHERE user_id = ?", [user_id])
        return erased

    def _judge(self, feedback: Feedback, at: float) -> tuple[Feedback, bool]:
        check_alone(feedback)
        with self._database.atomic():
            target = self._named(feedback.user_id, feedback.completion_id, "target")
            loser = self._loser(feedback)
            if target is not None:
                if feedback.preferred_over is not None and loser is None:
                    raise _not_found(feedback.preferred_over, "preferred_over")
                check_against(feedback, target, loser)
            status = FeedbackStatus.PENDING if target is None else FeedbackStatus.APPLIED
            stored = replace(feedback, status=status)
            earlier = find_feedback(self._database, feedback.user_id, feedback.id)
            if earlier is None:
                self._write(stored, AuditAction.CREATED, at, self._trains(stored))
                return stored, True
            stored = replace(stored, created_at=earlier.created_at)
            trains = self._trains(earlier) or self._trains(stored)
            self._write(stored, AuditAction.CHANGED, at, trains)
            return stored, False

    def _decide(self, decision: RuleDecision, at: float) -> None:
        with self._database.atomic():
            held = self.decisions(decision.user_id)
            excluded = [each for each in held if exclude_each_other(each, decision)]
            if len(held) - len(excluded) >= MAX_DECISIONS:
                message = f"At most {MAX_DECISIONS} rules can be pinned or dropped; undo one first."
                raise InvalidFeedbackError(message, "status")
            for each in excluded:
                delete_decision(self._database, each)
                if each.rule != decision.rule:
                    self._audit_decision(each, AuditAction.DELETED, at)
            is_known = any(each.rule == decision.rule for each in excluded)
            insert_decision(self._database, decision)
            action = AuditAction.CHANGED if is_known else AuditAction.CREATED
            self._audit_decision(decision, action, at)

    def _audit_decision(self, decision: RuleDecision, action: AuditAction, at: float) -> None:
        named = rule_id(decision.rule)
        audit.record(self._database, decision.user_id, named, action, at=at, trains=True)

    def _apply_pending(self, interaction: Interaction) -> None:
        for feedback in self._naming(interaction.user_id, interaction.id):
            if feedback.status is FeedbackStatus.PENDING:
                self._settle(feedback)

    def _settle(self, feedback: Feedback) -> None:
        """Apply pending feedback once all the completions it names are there."""
        now = self._clock()
        try:
            target = self._named(feedback.user_id, feedback.completion_id, "target")
            loser = self._loser(feedback)
            if target is None or (feedback.preferred_over is not None and loser is None):
                return
            check_against(feedback, target, loser)
        except (InvalidFeedbackError, NotFoundError):
            self._remove(feedback, AuditAction.REJECTED, now)
            return
        applied = replace(feedback, status=FeedbackStatus.APPLIED)
        self._write(applied, AuditAction.APPLIED, now, self._trains(applied))

    def _import_interaction(self, interaction: Interaction, new_ids: dict[str, str]) -> bool:
        new_id, is_new = interaction.id, True
        while (known := find_interaction(self._database, new_id)) or is_deleted(
            self._database, new_id
        ):
            if known is not None and known.user_id == interaction.user_id:
                is_new = False
                break
            # Derived, not random: the second import of the same rows finds what the first made.
            new_id = f"chatcmpl-{_derived(interaction.user_id, new_id)}"
        new_ids[interaction.id] = new_id
        if is_new:
            self.store(replace(interaction, id=new_id))
        return is_new

    def _import_feedback(self, feedback: Feedback, new_ids: Mapping[str, str]) -> bool:
        loser = feedback.preferred_over
        feedback = replace(
            feedback,
            completion_id=new_ids.get(feedback.completion_id, feedback.completion_id),
            preferred_over=None if loser is None else new_ids.get(loser, loser),
        )
        while known := find_feedback(self._database, feedback.user_id, feedback.id):
            if known.completion_id == feedback.completion_id:
                return False
            feedback = replace(
                feedback, id=f"feedback-{_derived(feedback.id, feedback.completion_id)}"
            )
        self._judge(feedback, at=self._clock())
        return True

    def _import_decision(self, decision: RuleDecision) -> bool:
        held = self.decisions(decision.user_id)
        is_new = not any(exclude_each_other(each, decision) for each in held)
        if is_new:
            self._decide(decision, at=self._clock())
        return is_new

    def _import_proposal(self, proposal: Proposal) -> bool:
        user_id = proposal.user_id
        if select_proposals(self._database, "user_id = ? AND id = ?", [user_id, proposal.id]):
            return False
        write_proposal(self._database, proposal)
        trains = proposal.status is ProposalStatus.APPROVED
        action, now = AuditAction.CREATED, self._clock()
        audit.record(self._database, user_id, proposal.id, action, at=now, trains=trains)
        return True

    def _named(self, user_id: str, interaction_id: str, param: str) -> Interaction | None:
        """The user's own interaction, or None where nobody has ever had one with this id."""
        found = find_interaction(self._database, interaction_id)
        if found is None and not is_deleted(self._database, interaction_id):
            return None
        if found is None or found.user_id != user_id:
            raise _not_found(interaction_id, param)
        return found

    def _loser(self, feedback: Feedback) -> Interaction | None:
        if feedback.preferred_over is None:
            return None
        return self._named(feedback.user_id, feedback.preferred_over, "preferred_over")

    def _naming(self, user_id: str, interaction_id: str) -> list[Feedback]:
        """The user's judgements that name an interaction as target or as loser."""
        return [
            feedback
            for column in (
                "completion_id",
                "preferred_over",
            )  # never the same, so no row comes twice
            for feedback in select_feedback(
                self._database, f"user_id = ? AND {column} = ?", [user_id, interaction_id]
            )
        ]

    def _of_later_answers(self, interaction: Interaction) -> list[Feedback]:
        """The judgements of later replies to the same messages in the same conversation."""
        return select_feedback(
            self._database,
            "user_id = :user AND completion_id IN (SELECT later.id FROM interactions AS later"
            " JOIN interactions AS own ON own.id = :id AND later.user_id = own.user_id"
            " AND later.conversation_id = own.conversation_id AND later.messages = own.messages"
            " AND (later.created_at, later.id) > (own.created_at, own.id))",
            {"user": interaction.user_id, "id": interaction.id},
        )

    def _trains(self, feedback: Feedback) -> bool:
        """Whether training learns from this judgement."""
        target = find_interaction(self._database, feedback.completion_id)
        return (
            feedback.status is FeedbackStatus.APPLIED and target is not None and target.is_learnable
        )

    def _write(self, feedback: Feedback, action: AuditAction, at: float, trains: bool) -> None:
        self._database.table("feedback").upsert(feedback_to_row(feedback), pk=("user_id", "id"))
        self._audit(feedback, action, at, trains)

    def _remove(self, feedback: Feedback, action: AuditAction, at: float) -> None:
        trains = self._trains(feedback)
        self._database.execute(
            "DELETE FROM feedback WHERE user_id = ? AND id = ?", [feedback.user_id, feedback.id]
        )
        self._audit(feedback, action, at, trains)

    def _audit(self, feedback: Feedback, action: AuditAction, at: float, trains: bool) -> None:
        audit.record(self._database, feedback.user_id, feedback.id, action, at=at, trains=trains)


def _not_found(interaction_id: str, param: str) -> NotFoundError:
    return NotFoundError(f"There is no completion {interaction_id!r}.", param)


def _derived(*parts: str) -> str:
    """32 hex digits that depend on `parts` alone."""
    return sha256(json.dumps(parts).encode()).hexdigest()[:32]
