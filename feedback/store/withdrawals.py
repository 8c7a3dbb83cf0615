"""Tells which examples a deletion or a change takes away."""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlite_utils import Database

from feedback.examples.build import possible_ids
from feedback.records import InteractionStatus
from feedback.store.queries import select_feedback, select_interactions


@contextmanager
def withdrawing(
    database: Database,
    user_id: str,
    completion_ids: Collection[str],
    tell: Callable[[Collection[str]], None],
) -> Iterator[None]:
    """Call `tell` with the ids of the examples that no feedback can make after the block.

    The block may change the feedback on these completions, and delete them. It is part of the
    caller's transaction.
    """
    # The examples of a prompt depend on the feedback on its own replies alone.
    turns = _of_same_prompts(database, user_id, completion_ids)
    before = _possible_ids(database, user_id, turns)
    yield
    gone = before - _possible_ids(database, user_id, turns)
    if gone:
        tell(gone)


def all_possible_ids(database: Database, user_id: str) -> frozenset[str]:
    """The ids of all examples that a version may have learned from the user's feedback."""
    rated = database.query(
        "SELECT completion_id FROM feedback WHERE user_id = ? AND status = 'applied'", [user_id]
    )
    turns = _of_same_prompts(database, user_id, [row["completion_id"] for row in rated])
    return _possible_ids(database, user_id, turns)


_OF_SAME_PROMPTS = """
WITH prompts AS MATERIALIZED (
    SELECT messages FROM interactions
    WHERE +user_id = :user AND id IN (SELECT value FROM json_each(:ids))
), judged AS MATERIALIZED (
    SELECT turn.id, turn.conversation_id, turn.messages, feedback.preferred_over FROM feedback
    JOIN interactions AS turn ON turn.id = feedback.completion_id AND +turn.user_id = :user
    WHERE feedback.user_id = :user AND feedback.status = 'applied'
    AND turn.messages IN (SELECT messages FROM prompts)
), involved AS (
    SELECT value AS id FROM json_each(:ids)
    UNION SELECT id FROM judged
    UNION SELECT preferred_over FROM judged WHERE preferred_over IS NOT NULL
    UNION SELECT other.id FROM judged CROSS JOIN interactions AS other ON other.user_id = :user
        AND other.conversation_id = judged.conversation_id AND other.messages = judged.messages
)
SELECT json_group_array(id) AS ids FROM involved
"""
"""These replies, and of the same prompts those with feedback, that lost or were regenerated.

The plus and the CROSS JOIN stop SQLite from reading all of a user's turns.
"""


def _of_same_prompts(database: Database, user_id: str, completion_ids: Collection[str]) -> str:
    """The ids of the turns behind all examples of these completions' prompts, as a JSON list."""
    values = {"user": user_id, "ids": json.dumps([*completion_ids])}
    (row,) = database.query(_OF_SAME_PROMPTS, values)
    return str(row["ids"])


def _possible_ids(database: Database, user_id: str, turns: str) -> frozenset[str]:
    listed = "IN (SELECT value FROM json_each(?))"
    return possible_ids(
        [
            # A version may have learned from an attempt that a retry superseded later.
            replace(each, status=InteractionStatus.COMPLETE)
            for each in select_interactions(database, f"id {listed}", [turns])
        ],
        select_feedback(
            database,
            f"user_id = ? AND status = 'applied' AND completion_id {listed}",
            [user_id, turns],
        ),
    )
