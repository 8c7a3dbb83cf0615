"""The read methods of the log; each takes the owner's id, except the counts over all users."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, starmap
from typing import Any

from sqlite_utils import Database

from feedback.errors import NotFoundError
from feedback.records import (
    ORGANISATION,
    Chat,
    Feedback,
    FeedbackCounts,
    FeedbackDay,
    Interaction,
    OrganisationChoice,
    StorageUse,
)
from feedback.repeated import repeated
from feedback.rules.user_rules import RuleDecision, rule_id
from feedback.store import audit
from feedback.store.chats import (
    chats_with,
    find_chat,
    has_chat,
    select_chats,
    select_titles,
    select_turns,
)
from feedback.store.choices import members_of, select_choices
from feedback.store.jsonl import (
    decision_to_json,
    feedback_to_json,
    interaction_to_json,
    title_to_json,
)
from feedback.store.queries import (
    completion_id_of,
    find_feedback,
    find_interaction,
    find_reply,
    is_known,
    rows_of,
    select_feedback,
    select_interactions,
    select_page,
    select_rows,
    snapshot,
)
from feedback.store.rows import feedback_from_row, interaction_from_row
from feedback.store.rule_decisions import select_decisions
from feedback.store.storage_use import find_storage_use

MAX_RECENT_TURNS = 2000
MAX_RECENT_CHARACTERS = 32 << 20

# The plus stops SQLite from scanning all of a user's turns when the ids name only a few.
IS_LEARNABLE_TURN = (
    "+interactions.user_id = :user"
    " AND interactions.kind = 'chat' AND interactions.status = 'complete'"
    " AND NOT EXISTS (SELECT 1 FROM json_each(interactions.finish_reasons)"
    " WHERE json_each.value = 'tool_calls')"
    " AND NOT EXISTS (SELECT 1 FROM json_each(interactions.messages)"
    " WHERE json_each.value ->> 0 = 'tool')"
)


class FeedbackReader:
    """Reads interactions and feedback; another user's id is as unknown as a missing one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def interaction(self, user_id: str, interaction_id: str) -> Interaction:
        """One of the user's interactions.

        Raises:
            NotFoundError: the user has no such interaction.
        """
        found = find_interaction(self._database, interaction_id)
        if found is None or found.user_id != user_id:
            raise NotFoundError(f"There is no completion {interaction_id!r}.")
        return found

    def reply(self, user_id: str, interaction_id: str) -> tuple[str, str] | None:
        """The reply of the user's interaction and how it ended; None if there is none."""
        return find_reply(self._database, user_id, interaction_id)

    def listed(
        self,
        user_id: str,
        *,
        after: str | None,
        limit: int,
        order: str,
        model: str | None,
        metadata: Mapping[str, str],
    ) -> tuple[list[Interaction], bool]:
        """A page of the interactions stored with `store: true`, and whether more follow.

        `order` is `asc` or `desc` by age. Superseded attempts are not listed.

        Raises:
            NotFoundError: `after` names none of the user's listed interactions.
            ValueError: `order` or `limit` is invalid.
        """
        if order not in ("asc", "desc"):
            raise ValueError("The order must be asc or desc.")
        conditions, values = ["user_id = ?", "listed = 1", "status != 'superseded'"], [user_id]
        if model is not None:
            conditions.append("model = ?")
            values.append(model)
        for pair in metadata.items():
            conditions.append(
                "EXISTS (SELECT 1 FROM json_each(metadata) WHERE key = ? AND value = ?)"
            )
            values.extend(pair)
        rows, has_more = select_page(
            self._database,
            "interactions",
            conditions,
            values,
            after=None if after is None else self._listed_cursor(user_id, after),
            limit=limit,
            is_descending=order == "desc",
        )
        return [interaction_from_row(row) for row in rows], has_more

    def feedback(self, user_id: str, feedback_id: str) -> Feedback:
        """One item of the user's feedback.

        Raises:
            NotFoundError: the user has no such feedback.
        """
        found = find_feedback(self._database, user_id, feedback_id)
        if found is None:
            raise NotFoundError(f"There is no feedback {feedback_id!r}.")
        return found

    def list_feedback(
        self, user_id: str, *, target: str | None = None, after: str | None = None, limit: int = 100
    ) -> tuple[list[Feedback], bool]:
        """A page of the user's feedback, oldest first, and whether more follows.

        Raises:
            NotFoundError: `after` names none of the user's feedback.
            ValueError: `limit` is not positive.
        """
        conditions, values = ["user_id = ?"], [user_id]
        if target is not None:
            conditions.append("completion_id = ?")
            values.append(self.completion_id(user_id, target))
        cursor = None
        if after is not None:
            last = self.feedback(user_id, after)
            cursor = (last.created_at, last.id)
        rows, has_more = select_page(
            self._database, "feedback", conditions, values, after=cursor, limit=limit
        )
        return [feedback_from_row(row) for row in rows], has_more

    def users_with_feedback(self, feedback_id: str, user_ids: Sequence[str]) -> list[str]:
        """Which of these users have feedback with this id."""
        rows = self._database.query(
            "SELECT user_id FROM feedback WHERE id = ?"
            " AND user_id IN (SELECT value FROM json_each(?)) ORDER BY user_id",
            [feedback_id, json.dumps(list(user_ids))],
        )
        return [row["user_id"] for row in rows]

    def completion_id(self, user_id: str, name: str) -> str:
        """The id of the completion that a message id names, or the name as it is."""
        if is_known(self._database, name):
            return name
        return completion_id_of(self._database, user_id, name) or name

    def by_completion_ids(self, feedback: Feedback) -> Feedback:
        """The feedback with the ids of completions in place of known message ids."""
        user_id, loser = feedback.user_id, feedback.preferred_over
        return replace(
            feedback,
            completion_id=self.completion_id(user_id, feedback.completion_id),
            preferred_over=loser and self.completion_id(user_id, loser),
        )

    def said_before(self, feedback: Feedback) -> Feedback | None:
        """The user's own feedback that says the same of the same reply already, if any."""
        feedback = self.by_completion_ids(feedback)
        given = select_feedback(
            self._database,
            "user_id = ? AND completion_id = ?",
            [feedback.user_id, feedback.completion_id],
        )
        return repeated(feedback, given)

    def decisions(self, user_id: str) -> list[RuleDecision]:
        """The user's decisions on rules, oldest first."""
        return select_decisions(self._database, user_id)

    def decision(self, user_id: str, wanted_id: str) -> RuleDecision:
        """The user's decision on the rule with this id.

        Raises:
            NotFoundError: the user has no decision on such a rule.
        """
        for each in self.decisions(user_id):
            if rule_id(each.rule) == wanted_id:
                return each
        raise NotFoundError(f"There is no decision on a rule {wanted_id!r}.")

    def choice(self, user_id: str) -> OrganisationChoice:
        """What the user wants of the organisation's adapter."""
        newest = select_choices(self._database, user_id, limit=1)
        return newest[0] if newest else OrganisationChoice(user_id)

    def choices(self, user_id: str) -> list[OrganisationChoice]:
        """Every choice that the user made of the organisation's adapter, newest first."""
        return select_choices(self._database, user_id)

    def contributors(self, user_id: str) -> tuple[str, ...]:
        """Whose feedback this user's adapter learns: their own; the organisation's also learns
        that of everybody who shares."""
        members = members_of(self._database) if user_id == ORGANISATION else ()
        return (user_id, *members)

    def feedback_since(self, user_id: str, sequence: int) -> int:
        """How many items of feedback and decisions that affect training changed after the audit's
        entry `sequence`."""
        return audit.changed_since(self._database, user_id, sequence)

    def max_bad(self, user_id: str) -> int:
        """The most replies that the user's feedback can call bad, found without reading a reply:
        disliked and corrected ones, and those that lost a preference."""
        (row,) = self._database.query(
            "SELECT count(correction) + count(preferred_over) + count(*) FILTER (WHERE value = -1)"
            " AS n FROM feedback WHERE user_id = ? AND status = 'applied'",
            [user_id],
        )
        return int(row["n"])

    def turns_with_feedback(
        self, user_id: str, newest: int | None = None, max_characters: int | None = None
    ) -> tuple[list[Interaction], list[Feedback]]:
        """The learnable turns with feedback, and their applied feedback, both oldest first.

        Includes turns that lost a comparison. `newest` limits it to that many turns, those with
        the newest feedback. `max_characters` limits the text of turns and feedback together.
        """
        values = {
            "user": user_id,
            "limit": -1 if newest is None else newest,
            "characters": max_characters,
        }
        judged = (
            "SELECT completion_id, max(updated_at) AS at, sum(coalesce(length(correction), 0)"
            " + coalesce(length(comment), 0)) AS size FROM feedback"
            " WHERE user_id = :user AND feedback.status = 'applied'"
            " AND EXISTS (SELECT 1 FROM interactions"
            f" WHERE id = feedback.completion_id AND {IS_LEARNABLE_TURN})"
            " GROUP BY completion_id ORDER BY at DESC, completion_id LIMIT :limit"
        )
        sized = (
            "SELECT completion_id, sum(size + length(messages) + length(replies))"
            f" OVER (ORDER BY at DESC, completion_id) AS total FROM ({judged})"
            " JOIN interactions ON interactions.id = completion_id"
        )
        chosen = (
            f"SELECT completion_id FROM ({judged})"
            if max_characters is None
            else f"SELECT completion_id FROM ({sized}) WHERE total <= :characters"
        )
        with snapshot(self._database):
            feedback = select_feedback(
                self._database,
                f"user_id = :user AND status = 'applied' AND completion_id IN ({chosen})",
                values,
            )
            ids = {each.completion_id for each in feedback}
            ids |= {each.preferred_over for each in feedback if each.preferred_over}
            rows = select_rows(
                self._database,
                "interactions",
                f"{IS_LEARNABLE_TURN} AND id IN (SELECT value FROM json_each(:ids))",
                {"user": user_id, "ids": json.dumps(sorted(ids))},
            )
        return [interaction_from_row(row) for row in rows], feedback

    def recent_turns_with_feedback(self, user_id: str) -> tuple[list[Interaction], list[Feedback]]:
        """The same, but only as many of the newest as a request may read."""
        return self.turns_with_feedback(user_id, MAX_RECENT_TURNS, MAX_RECENT_CHARACTERS)

    def last_turns(self, user_id: str, newest: int) -> list[Interaction]:
        """The newest learnable turns, with or without feedback, oldest first."""
        return select_interactions(
            self._database,
            "id IN (SELECT id FROM interactions"
            f" WHERE {IS_LEARNABLE_TURN} ORDER BY created_at DESC, id DESC LIMIT :newest)",
            {"user": user_id, "newest": newest},
        )

    def regenerated(self, user_id: str) -> list[Interaction]:
        """Learnable turns without feedback whose regenerated reply has feedback, oldest first.

        A later reply to the same messages counts as regenerated only in the same conversation.
        """
        return select_interactions(
            self._database,
            f"{IS_LEARNABLE_TURN} AND id IN ("
            "SELECT earlier.id FROM feedback"
            " JOIN interactions AS later ON later.id = feedback.completion_id"
            " JOIN interactions AS earlier ON earlier.user_id = later.user_id"
            " AND earlier.conversation_id = later.conversation_id"
            " AND earlier.messages = later.messages"
            " AND (earlier.created_at, earlier.id) < (later.created_at, later.id)"
            " WHERE feedback.user_id = :user AND feedback.status = 'applied'"
            " AND NOT EXISTS (SELECT 1 FROM feedback AS own WHERE own.user_id = :user"
            " AND own.completion_id = earlier.id AND own.status = 'applied'))",
            {"user": user_id},
        )

    def chats(
        self, user_id: str, *, after: str | None = None, limit: int = 20, words: str | None = None
    ) -> tuple[list[Chat], bool]:
        """A page of the user's chats, the last used first, and whether more follow.

        `words` limits it to chats that have them in the title or in one of the newest turns.

        Raises:
            NotFoundError: `after` names none of the user's chats.
        """
        ids = chats_with(self._database, user_id, words) if words else None
        cursor = None if after is None else self.chat(user_id, after, "after")
        return select_chats(self._database, user_id, after=cursor, limit=limit, ids=ids)

    def chat(self, user_id: str, chat_id: str, param: str | None = None) -> Chat:
        """One of the user's chats.

        Raises:
            NotFoundError: the user has no such chat.
        """
        found = find_chat(self._database, user_id, chat_id)
        if found is None:
            raise NotFoundError(f"There is no chat {chat_id!r}.", param)
        return found

    def has_chat(self, user_id: str, chat_id: str) -> bool:
        """Whether the user has a chat with this id."""
        return has_chat(self._database, user_id, chat_id)

    def turns_of_chat(self, user_id: str, chat_id: str) -> tuple[list[Interaction], list[Feedback]]:
        """The newest turns of a chat and the feedback on them, both oldest first."""
        with snapshot(self._database):
            turns = select_turns(self._database, user_id, chat_id)
            feedback = select_feedback(
                self._database,
                "user_id = ? AND completion_id IN (SELECT value FROM json_each(?))",
                [user_id, json.dumps([turn.id for turn in turns])],
            )
        return turns, feedback

    def storage_use(self, user_id: str) -> StorageUse:
        """How much is stored of the user."""
        return find_storage_use(self._database, user_id)

    def count_pending(self) -> int:
        """How many items of feedback of all users wait for their completion."""
        (row,) = self._database.query("SELECT count(*) AS n FROM feedback WHERE status = 'pending'")
        return int(row["n"])

    def counts(self, user_id: str) -> FeedbackCounts:
        """How many interactions and how much feedback the user has."""
        (row,) = self._database.query(
            """
            SELECT
                (SELECT count(*) FROM interactions WHERE user_id = :user
                 AND kind = 'chat' AND status != 'superseded') AS interactions,
                count(*) FILTER (WHERE status = 'applied') AS feedback,
                count(correction) FILTER (WHERE status = 'applied') AS corrections,
                count(*) FILTER (WHERE status = 'applied' AND value = 1) AS liked,
                count(*) FILTER (WHERE status = 'applied' AND value = -1) AS disliked,
                count(preferred_over) FILTER (WHERE status = 'applied') AS pairs,
                count(*) FILTER (WHERE status = 'pending') AS pending
            FROM feedback WHERE user_id = :user
            """,
            {"user": user_id},
        )
        return FeedbackCounts(**row)

    def by_day(self, since: float, user_id: str | None = None) -> list[FeedbackDay]:
        """The applied feedback since a moment by the day (UTC) it was given, oldest day first, of
        one user or of all. Days without any are missing."""
        whose = "" if user_id is None else "user_id = :user AND "
        rows = self._database.query(
            "SELECT date(created_at, 'unixepoch') AS day, count(*) FILTER (WHERE value = 1) AS up,"
            " count(*) FILTER (WHERE value = -1) AS down,"
            " count(*) FILTER (WHERE correction IS NOT NULL) AS corrections"
            f" FROM feedback WHERE {whose}created_at >= :since AND status = 'applied'"
            " GROUP BY day ORDER BY day",
            {"since": since, "user": user_id},
        )
        return [FeedbackDay(**row) for row in rows]

    def tokens(self, user_id: str, since: float) -> tuple[int, int]:
        """How many tokens the user's stored turns read and wrote since a moment."""
        (row,) = self._database.query(
            "SELECT coalesce(sum(prompt_tokens), 0) AS read,"
            " coalesce(sum(completion_tokens), 0) AS written"
            " FROM interactions WHERE user_id = ? AND created_at >= ?",
            [user_id, since],
        )
        return int(row["read"]), int(row["written"])

    def export(self, user_id: str) -> Iterator[dict[str, Any]]:
        """All of the user's data as JSON-ready rows: by type, then oldest first.

        They are read as they are taken. What is stored or deleted meanwhile may be among them.
        """
        interactions, feedback = (
            rows_of(self._database, table, user_id) for table in ("interactions", "feedback")
        )
        return chain(
            (interaction_to_json(interaction_from_row(row)) for row in interactions),
            (feedback_to_json(feedback_from_row(row)) for row in feedback),
            map(decision_to_json, self.decisions(user_id)),
            starmap(title_to_json, select_titles(self._database, user_id).items()),
        )

    def _listed_cursor(self, user_id: str, interaction_id: str) -> tuple[float, str]:
        last = self.interaction(user_id, interaction_id)
        if not last.listed:
            raise NotFoundError(f"There is no stored completion {interaction_id!r}.", "after")
        return last.created_at, last.id
