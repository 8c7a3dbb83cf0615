"""Feedback as the JSON lines that the admin API imports. Pure."""

import json
from collections.abc import Iterator, Sequence

from feedback.records import Feedback, Interaction, Message
from feedback.store.jsonl import feedback_to_json, interaction_to_json
from tests.benchmarks.gate.kinds import FeedbackItem
from tests.benchmarks.learning.results import Reply


def import_lines(name: str, items: Sequence[FeedbackItem], now: float) -> bytes:
    """A user's exchanges and feedback, each in a conversation of its own, a second apart.

    `now` is in UTC seconds. The server makes the importing user the owner.
    """
    rows = [
        json.dumps(row)
        for number, item in enumerate(items)
        for row in _rows(f"{name}-{number}", item, now - len(items) + number)
    ]
    return "\n".join(rows).encode()


def _rows(id: str, item: FeedbackItem, at: float) -> Iterator[dict[str, object]]:
    loser = f"{id}-other"
    yield interaction_to_json(_interaction(id, id, item.prompt, item.reply, at))
    if item.over is not None:
        yield interaction_to_json(_interaction(loser, id, item.prompt, item.over, at))
    yield feedback_to_json(
        Feedback(
            id=f"{id}-feedback",
            user_id="",
            completion_id=id,
            created_at=at,
            updated_at=at,
            value=item.value,
            correction=item.correction,
            preferred_over=None if item.over is None else loser,
        )
    )


def _interaction(id: str, conversation: str, prompt: str, reply: Reply, at: float) -> Interaction:
    return Interaction(
        id=id,
        user_id="",
        conversation_id=conversation,
        created_at=at,
        model="benchmark",
        adapter="base",
        messages=(Message("user", prompt),),
        replies=(reply.text,),
        finish_reasons=(reply.finish_reason,),
        prompt_tokens=0,
        completion_tokens=0,
    )
