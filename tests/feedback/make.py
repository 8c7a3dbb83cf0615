"""Builds records for the tests, with every field that a test does not care about filled in."""

from collections.abc import Mapping
from typing import Any

from feedback.records import Feedback, Interaction, Message

PROMPT = (Message("user", "What is the capital of France?"),)


def make_interaction(id: str = "chatcmpl-1", user_id: str = "ann", **fields: Any) -> Interaction:
    """A finished chat turn."""
    defaults: dict[str, Any] = {
        "conversation_id": "conversation-1",
        "created_at": 100.0,
        "model": "tiny",
        "adapter": "base",
        "messages": PROMPT,
        "replies": ("The capital of France is Paris.",),
        "finish_reasons": ("stop",),
        "prompt_tokens": 7,
        "completion_tokens": 6,
    }
    return Interaction(id=id, user_id=user_id, **defaults | fields)


def make_feedback(
    id: str = "feedback-1", user_id: str = "ann", target: str = "chatcmpl-1", **fields: Any
) -> Feedback:
    """Feedback; it is empty unless `fields` say what it holds."""
    defaults: dict[str, Any] = {"created_at": 200.0, "updated_at": fields.get("at", 200.0)}
    fields.pop("at", None)
    return Feedback(id=id, user_id=user_id, completion_id=target, **defaults | fields)


def without(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A copy of `row` that lacks one field."""
    return {key: value for key, value in row.items() if key != name}
