"""Stores interactions, feedback and rule decisions. Every public method is one transaction."""

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from hashlib import sha256
from typing import Any

from sqlite_utils import Database

from feedback.errors import InvalidFeedbackError, NotFoundError
from feedback.records import (
    ORGANISATION,
    Chat,
    Feedback,
    FeedbackStatus,
    Interaction,
    InteractionKind,
    OrganisationChoice,
    StorageLimits,
)
from feedback.repeated import says_the_same
from feedback.rules.user_rules import MAX_DECISIONS, RuleDecision, exclude_each_other, rule_id
from feedback.storage_limits import refuse_growth
from feedback.store import audit
from feedback.store.audit import AuditAction
from feedback.store.chats import select_titles, write_title
from feedback.store.choices import insert_choice
from feedback.store.jsonl import parse_rows, row_error
from feedback.store.queries import (
    find_feedback,
    find_interaction,
    is_deleted,
    select_feedback,
    select_interactions,
)
from feedback.store.reader import FeedbackReader
from feedback.store.rows import feedback_to_row, interaction_to_row, metadata_to_text
from feedback.store.rule_decisions import delete_decision, insert_decision
from feedback.store.schema import migrate
from feedback.store.withdrawals import all_possible_ids, withdrawing
from feedback.validation import check_against, check_alone, says_something

OnWithdrawal = Callable[[str, Collection[str], float], None]
"""Is told the user, or the organisation, the ids of the examples that are gone, and when."""


def _ignore(user_id: str, example_ids: Collection[str], at: float) -> None:
    pass


class FeedbackLog(FeedbackReader):
    """The log of interactions and feedback, with its write methods.

    `clock` stamps changes without a time of their own: imports, deletions of interactions, and
    pending feedback that becomes applied. The next checkpoint removes deleted text from the files.
    `limits` bound what users add; imports may exceed them. `on_withdrawal` is called in the
    transaction of a deletion or a change after which no feedback can make some examples any more.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float] = time.time,
        limits: StorageLimits | None = None,
        on_withdrawal: OnWithdrawal = _ignore,
    ) -> None:
        super().__init__(database)
        self._clock = clock
        self._limits = limits or StorageLimits()
        self._on_withdrawal = on_withdrawal
        migrate(database)

    def store(self, interaction: Interaction) -> None:
        """Store an interaction, and apply its owner's feedback that waited for it."""
        with self._database.atomic():
            self._database.table("interactions").insert(interaction_to_row(interaction))
            self._apply_pending(interaction)

    def supersede(self, user_id: str, request_hash: str, since: float) -> list[str]:
        """Mark the user's earlier attempts at the same request as superseded, from `since` on.

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
        """Delete an interaction and its feedback; only its id stays, to refuse late feedback.

        Feedback that preferred another reply to this one loses only the preference.

        Raises:
            NotFoundError: the user has no such interaction.
        """
        with self._database.atomic():
            self._delete_interactions(user_id, [self.interaction(user_id, interaction_id)])

    def delete_message(self, user_id: str, message_id: str) -> None:
        """Delete, in the same way, every interaction to whose reply a frontend has given this id.

        Raises:
            NotFoundError: the user has no such interaction.
        """
        with self._database.atomic():
            found = select_interactions(
                self._database, "user_id = ? AND message_id = ?", [user_id, message_id]
            )
            if not found:
                raise _not_found(message_id)
            self._delete_interactions(user_id, found)

    def delete_conversation(
        self, user_id: str, conversation_id: str, except_messages: Collection[str] | None = None
    ) -> int:
        """Delete, in the same way, the interactions of one conversation; returns how many.

        With `except_messages` only background requests, which may quote any message, and those that
        have a message id which is not among these.

        Raises:
            NotFoundError: the user has no interaction in such a conversation.
        """
        with self._database.atomic():
            found = select_interactions(
                self._database,
                "user_id = ? AND conversation_id = ?",
                [user_id, conversation_id],
            )
            if not found:
                raise NotFoundError("There is no such chat.")
            if except_messages is not None:
                kept = {None, *except_messages}
                found = [
                    each
                    for each in found
                    if each.message_id not in kept or each.kind is InteractionKind.BACKGROUND
                ]
            self._delete_interactions(user_id, found)
        return len(found)

    def delete_some(self, user_id: str, limit: int) -> int:
        """Delete, in the same way, at most `limit` of the user's interactions; returns how many."""
        with self._database.atomic():
            found = select_interactions(
                self._database,
                "id IN (SELECT id FROM interactions WHERE user_id = ? LIMIT ?)",
                [user_id, limit],
            )
            self._delete_interactions(user_id, found)
        return len(found)

    def rename_chat(self, user_id: str, chat_id: str, title: str | None) -> Chat:
        """Give one of the user's chats a title; None: the beginning of its first message.

        Raises:
            NotFoundError: the user has no such chat.
        """
        with self._database.atomic():
            self.chat(user_id, chat_id)
            write_title(self._database, user_id, chat_id, title)
            return self.chat(user_id, chat_id)

    def add_feedback(self, feedback: Feedback) -> tuple[Feedback, bool]:
        """Store feedback, in place of the user's earlier feedback with the same id.

        Returns it as stored, and whether it is new. A completion may be named by its id or by its
        message id; it is stored by its id. Feedback on an unknown completion is pending; its own
        `status` is ignored. `created_at` stays that of the first. What the user said already counts
        as no change.

        Raises:
            InvalidFeedbackError: the feedback is empty or invalid.
            NotFoundError: a completion that it names is another user's or deleted, or the one
                that lost is unknown.
            QuotaExceededError: the user has too much, and this would add to it.
        """
        with self._database.atomic():
            before = self.storage_use(feedback.user_id)
            added = self._add_feedback(feedback, at=feedback.updated_at)
            refuse_growth(before, self.storage_use(feedback.user_id), self._limits)
        return added

    def check_room(self, user_id: str) -> None:
        """Raises `QuotaExceededError` if no more interactions of this user may be stored."""
        use = self.storage_use(user_id)
        refuse_growth(use, replace(use, items=use.items + 1, bytes=use.bytes + 1), self._limits)

    def delete_feedback(self, user_id: str, feedback_id: str, now: float) -> None:
        """Delete feedback; the audit records the deletion.

        Raises:
            NotFoundError: the user has no such feedback.
        """
        with self._database.atomic():
            feedback = self.feedback(user_id, feedback_id)
            with self._withdrawing(user_id, [feedback.completion_id], now):
                self._remove(feedback, AuditAction.DELETED, now)

    def decide(self, decision: RuleDecision) -> None:
        """Store a decision on a rule, in place of the user's earlier ones that it excludes.

        The same decision again changes nothing.

        Raises:
            InvalidFeedbackError: the user has the most decisions that can be stored.
        """
        self._decide(decision, at=decision.decided_at)

    def choose(self, choice: OrganisationChoice) -> None:
        """Store what a user wants of the organisation's adapter; the same again changes nothing.

        If they share no longer, the organisation's versions that learned from them are withdrawn.
        """
        with self._database.atomic():
            before = self.choice(choice.user_id)
            if (before.shares, before.uses) == (choice.shares, choice.uses):
                return
            self._leave_organisation(choice.user_id, choice.at, stays=choice.shares)
            number = insert_choice(self._database, choice)
            if before.shares != choice.shares:
                action = AuditAction.CHANGED
                name = f"choice-{number}"
                audit.record(self._database, ORGANISATION, name, action, at=choice.at, trains=True)

    def undo_rule_decision(self, user_id: str, wanted_id: str, now: float) -> None:
        """Delete the user's decision on the rule with this id; feedback alone decides again.

        Raises:
            NotFoundError: the user has no decision on such a rule.
        """
        with self._database.atomic():
            decision = self.decision(user_id, wanted_id)
            delete_decision(self._database, decision)
            self._audit_decision(decision, AuditAction.DELETED, now)

    def expire_pending(self, before: float) -> int:
        """Delete pending feedback that was last changed before `before`; returns how many."""
        with self._database.atomic():
            expired = select_feedback(
                self._database, "status = 'pending' AND updated_at < ?", [before]
            )
            for feedback in expired:
                self._remove(feedback, AuditAction.EXPIRED, self._clock())
        return len(expired)

    def expire(self, before: float, limit: int) -> int:
        """Delete at most `limit` interactions that are older than `before`, with their feedback if
        all of it is, too; returns how many. As if their users deleted them: training forgets them.
        Questions about documents stay as long as the documents.
        """
        with self._database.atomic():
            expired = list(
                self._database.query(
                    "SELECT user_id, id FROM interactions AS own WHERE created_at < :before"
                    " AND user_id != :organisation"
                    " AND NOT EXISTS (SELECT 1 FROM feedback WHERE feedback.user_id = own.user_id"
                    " AND completion_id = own.id AND updated_at >= :before) LIMIT :limit",
                    {"before": before, "limit": limit, "organisation": ORGANISATION},
                )
            )
            for row in expired:
                self.delete_interaction(row["user_id"], row["id"])
        return len(expired)

    def import_rows(self, user_id: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Store rows of `export` as this user's own, all or none; returns how many were stored.

        Existing data does not change, so a second import stores nothing. The user's own decisions
        win over imported ones. An interaction whose id is taken or deleted gets a new id, also in
        its feedback.

        Raises:
            InvalidFeedbackError: a row is malformed; `param` names the row and the field.
        """
        parsed = parse_rows(user_id, rows)
        with self._database.atomic():
            new_ids: dict[str, str] = {}
            stored = sum(self._import_interaction(each, new_ids) for each in parsed.interactions)
            stored += self._import_titles(user_id, parsed.titles)
            for number, item in parsed.feedback:
                try:
                    stored += self._import_feedback(item, new_ids)
                except (InvalidFeedbackError, NotFoundError) as error:
                    raise row_error(number, str(error), error.param) from error
            for number, decision in parsed.decisions:
                try:
                    stored += self._import_decision(decision)
                except InvalidFeedbackError as error:
                    raise row_error(number, str(error), error.param) from error
        return stored

    def erase(self, user_id: str) -> int:
        """Delete everything of a user, known or not; returns the number of rows.

        Only the ids of interactions stay, without their owner.
        """
        with self._database.atomic():
            self._leave_organisation(user_id, self._clock())
            self._database.execute(
                "INSERT OR IGNORE INTO deleted_interactions"
                " SELECT id FROM interactions WHERE user_id = ?",
                [user_id],
            )
            erased = 0
            for table in ("feedback", "chat_titles", "interactions", "rule_decisions"):
                cursor = self._database.execute(f"DELETE FROM {table} WHERE user_id = ?", [user_id])
                erased += cursor.rowcount
            for table in ("organisation_choices", "feedback_audit"):
                self._database.execute(f"DELETE FROM {table} WHERE user_id = ?", [user_id])
            if user_id == ORGANISATION:
                self._database.execute("DELETE FROM organisation_documents")
        return erased

    def _leave_organisation(self, user_id: str, at: float, *, stays: bool = False) -> None:
        """Take from the organisation all that the user shared, unless the user `stays`."""
        if self.choice(user_id).shares and not stays:
            self._on_withdrawal(ORGANISATION, all_possible_ids(self._database, user_id), at)

    def _add_feedback(self, feedback: Feedback, at: float) -> tuple[Feedback, bool]:
        check_alone(feedback)
        with self._database.atomic():
            feedback = self.by_completion_ids(feedback)
            turn = self._own(feedback.user_id, feedback.completion_id, "target")
            loser = self._loser(feedback)
            if turn is not None:
                if feedback.preferred_over is not None and loser is None:
                    raise _not_found(feedback.preferred_over, "preferred_over")
                check_against(feedback, turn, loser)
            status = FeedbackStatus.PENDING if turn is None else FeedbackStatus.APPLIED
            stored = replace(feedback, status=status)
            earlier = find_feedback(self._database, feedback.user_id, feedback.id)
            is_repeated = self.said_before(stored) is not None
            if earlier is None:
                trains = self._trains(stored) and not is_repeated
                self._write(stored, AuditAction.CREATED, at, trains)
                return stored, True
            is_repeated = is_repeated and says_the_same(stored, earlier)
            if is_repeated and stored.metadata == earlier.metadata:
                return earlier, False
            stored = replace(stored, created_at=earlier.created_at)
            trains = self._trains(earlier) or self._trains(stored)
            about = [earlier.completion_id, stored.completion_id]
            with self._withdrawing(feedback.user_id, about, at):
                self._write(stored, AuditAction.CHANGED, at, trains and not is_repeated)
            return stored, False

    def _withdrawing(
        self, user_id: str, completion_ids: Collection[str], at: float
    ) -> AbstractContextManager[None]:
        """Report the examples that the block takes away from the prompts of these completions."""

        def tell(example_ids: Collection[str]) -> None:
            self._on_withdrawal(user_id, example_ids, at)
            if self.choice(user_id).shares:
                self._on_withdrawal(ORGANISATION, example_ids, at)

        return withdrawing(self._database, user_id, completion_ids, tell)

    def _delete_interactions(self, user_id: str, deleted: Sequence[Interaction]) -> None:
        now = self._clock()
        with self._withdrawing(user_id, [each.id for each in deleted], now):
            for each in deleted:
                self._delete_interaction(each, now)

    def _delete_interaction(self, deleted: Interaction, at: float) -> None:
        naming = self._naming(deleted.user_id, deleted.id)
        # A regenerated reply is part of what feedback on the later reply teaches.
        for feedback in [] if naming else self._of_later_replies(deleted):
            self._audit(feedback, AuditAction.CHANGED, at, self._trains(feedback))
        for feedback in naming:
            rest = replace(feedback, preferred_over=None)
            if feedback.completion_id == deleted.id or not says_something(rest):
                self._remove(feedback, AuditAction.DELETED, at)
            else:
                self._write(rest, AuditAction.CHANGED, at, self._trains(feedback))
        self._database.execute("DELETE FROM interactions WHERE id = ?", [deleted.id])
        self._database.execute(
            "INSERT OR IGNORE INTO deleted_interactions VALUES (?)", [deleted.id]
        )

    def _decide(self, decision: RuleDecision, at: float) -> None:
        with self._database.atomic():
            existing = self.decisions(decision.user_id)
            if any(replace(decision, decided_at=each.decided_at) == each for each in existing):
                return
            excluded = [each for each in existing if exclude_each_other(each, decision)]
            if len(existing) - len(excluded) >= MAX_DECISIONS:
                message = f"At most {MAX_DECISIONS} rules can be pinned or dropped: undo one first."
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
        decided = rule_id(decision.rule)
        audit.record(self._database, decision.user_id, decided, action, at=at, trains=True)

    def _apply_pending(self, interaction: Interaction) -> None:
        for name in filter(None, (interaction.id, interaction.message_id)):
            for feedback in self._naming(interaction.user_id, name):
                if feedback.status is FeedbackStatus.PENDING:
                    self._apply(feedback)

    def _apply(self, feedback: Feedback) -> None:
        """Apply pending feedback if all completions that it names are stored."""
        now, waiting = self._clock(), feedback
        try:
            feedback = self.by_completion_ids(waiting)
            turn = self._own(feedback.user_id, feedback.completion_id, "target")
            loser = self._loser(feedback)
            if turn is None or (feedback.preferred_over is not None and loser is None):
                return
            check_against(feedback, turn, loser)
        except (InvalidFeedbackError, NotFoundError):
            self._remove(waiting, AuditAction.REJECTED, now)
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
            # Derived, not random, so that a second import finds what the first stored.
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
        self._add_feedback(feedback, at=self._clock())
        return True

    def _import_decision(self, decision: RuleDecision) -> bool:
        existing = self.decisions(decision.user_id)
        is_new = not any(exclude_each_other(each, decision) for each in existing)
        if is_new:
            self._decide(decision, at=self._clock())
        return is_new

    def _import_titles(self, user_id: str, titles: Mapping[str, str]) -> int:
        """Store the titles of the user's chats that have none."""
        given = select_titles(self._database, user_id)
        new = [each for each in titles if each not in given and self.has_chat(user_id, each)]
        for chat_id in new:
            write_title(self._database, user_id, chat_id, titles[chat_id])
        return len(new)

    def _own(self, user_id: str, interaction_id: str, param: str) -> Interaction | None:
        """The user's own interaction, or None if nobody ever had one with this id."""
        found = find_interaction(self._database, interaction_id)
        if found is None and not is_deleted(self._database, interaction_id):
            return None
        if found is None or found.user_id != user_id:
            raise _not_found(interaction_id, param)
        return found

    def _loser(self, feedback: Feedback) -> Interaction | None:
        if feedback.preferred_over is None:
            return None
        return self._own(feedback.user_id, feedback.preferred_over, "preferred_over")

    def _naming(self, user_id: str, interaction_id: str) -> list[Feedback]:
        """The user's feedback that is about an interaction, or that prefers another one to it."""
        columns = "completion_id", "preferred_over"  # never the same, so no row comes twice
        return [
            feedback
            for column in columns
            for feedback in select_feedback(
                self._database, f"user_id = ? AND {column} = ?", [user_id, interaction_id]
            )
        ]

    def _of_later_replies(self, interaction: Interaction) -> list[Feedback]:
        """The feedback on later replies to the same messages in the same conversation."""
        return select_feedback(
            self._database,
            "user_id = :user AND completion_id IN (SELECT later.id FROM interactions AS later"
            " JOIN interactions AS own ON own.id = :id AND later.user_id = own.user_id"
            " AND later.conversation_id = own.conversation_id AND later.messages = own.messages"
            " AND (later.created_at, later.id) > (own.created_at, own.id))",
            {"user": interaction.user_id, "id": interaction.id},
        )

    def _trains(self, feedback: Feedback) -> bool:
        """Whether training uses this feedback."""
        turn = find_interaction(self._database, feedback.completion_id)
        return feedback.status is FeedbackStatus.APPLIED and turn is not None and turn.is_learnable

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


def _not_found(interaction_id: str, param: str | None = None) -> NotFoundError:
    return NotFoundError(f"There is no completion {interaction_id!r}.", param)


def _derived(*parts: str) -> str:
    """32 hex digits that depend on `parts` alone."""
    return sha256(json.dumps(parts).encode()).hexdigest()[:32]
