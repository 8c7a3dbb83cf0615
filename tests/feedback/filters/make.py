"""Rows for the tests of curation."""

from collections.abc import Sequence
from typing import Any

from feedback.examples.build import example_id
from feedback.filters.records import Row
from feedback.records import ExampleKind, Message, TrainingExample


def make_row(
    prompt: str | Sequence[Message] = "What is the capital of France?",
    chosen: str = "The capital of France is Paris.",
    rejected: str | None = None,
    *,
    at: float = 100.0,
    source: str = "liked",
    **fields: Any,
) -> Row:
    """A row that was judged at `at`."""
    kind = fields.pop("kind", ExampleKind.SFT if rejected is None else ExampleKind.DPO)
    turns = (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)
    defaults: dict[str, Any] = {
        "id": example_id(kind, turns, chosen, rejected, 1.0, fields.get("revised_from")),
        "user_id": "ann",
        "kind": kind,
        "prompt": turns,
        "chosen": chosen,
        "rejected": rejected,
        "weight": 1.0,
        "source": source,
        "conversation_id": "conversation-1",
        "interaction_ids": ("c1",),
        "feedback_ids": ("f1",),
        "created_at": at,
    }
    return Row(TrainingExample(**defaults | fields), at)
