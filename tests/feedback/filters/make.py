"""Builds dated examples for the tests of the filters."""

from collections.abc import Sequence
from typing import Any

from feedback.filters.records import DatedExample
from feedback.records import ExampleKind, ExampleSource, Message, TrainingExample


def make_row(
    prompt: str | Sequence[Message] = "What is the capital of France?",
    chosen: str = "The capital of France is Paris.",
    rejected: str | None = None,
    *,
    at: float = 100.0,
    source: str | ExampleSource = ExampleSource.LIKED,
    **fields: Any,
) -> DatedExample:
    """An example whose feedback has the time `at`."""
    kind = fields.pop("kind", ExampleKind.SFT if rejected is None else ExampleKind.DPO)
    turns = (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)
    defaults: dict[str, Any] = {
        "user_id": "ann",
        "kind": kind,
        "messages": turns,
        "chosen": chosen,
        "rejected": rejected,
        "source": ExampleSource(source),
        "conversation_id": "conversation-1",
        "interaction_ids": ("c1",),
        "feedback_ids": ("f1",),
        "created_at": at,
    }
    return DatedExample(TrainingExample(**defaults | fields), at)
