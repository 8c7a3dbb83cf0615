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


def _of_same_prompts(database: Database, user_id: str, completion_ids: Collection[str]) -> str:
    """The ids of the user's turns with the same messages as these, as a JSON list."""
    (row,) = database.query(
        "SELECT json_group_array(id) AS ids FROM interactions WHERE user_id = :user"
        " AND messages IN (SELECT messages FROM interactions WHERE user_id = :user"
        " AND id IN (SELECT value FROM json_each(:ids)))",
        {"user": user_id, "ids": json.dumps([*completion_ids])},
    )
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
