"""Converts records to table rows and back. The columns have the names of the fields."""

import json
from collections.abc import Mapping
from typing import Any

from feedback.records import (
    Feedback,
    FeedbackStatus,
    Interaction,
    InteractionKind,
    InteractionStatus,
    Message,
)


def interaction_to_row(interaction: Interaction) -> dict[str, Any]:
    """The row of `interactions`; lists and mappings become JSON text."""
    return {
        "id": interaction.id,
        "user_id": interaction.user_id,
        "conversation_id": interaction.conversation_id,
        "created_at": interaction.created_at,
        "model": interaction.model,
        "adapter": interaction.adapter,
        "messages": json.dumps([[turn.role, turn.content] for turn in interaction.messages]),
        "replies": json.dumps(interaction.replies),
        "finish_reasons": json.dumps(interaction.finish_reasons),
        "prompt_tokens": interaction.prompt_tokens,
        "completion_tokens": interaction.completion_tokens,
        "kind": interaction.kind.value,
        "status": interaction.status.value,
        "listed": int(interaction.listed),
        "request_hash": interaction.request_hash,
        "metadata": metadata_to_text(interaction.metadata),
        "message_id": interaction.message_id,
        "has_instructions": int(interaction.has_instructions),
        "organisation": interaction.organisation,
    }


def interaction_from_row(row: Mapping[str, Any]) -> Interaction:
    """The interaction that `interaction_to_row` made `row` from."""
    parsed = {
        "messages": tuple(Message(role, content) for role, content in json.loads(row["messages"])),
        "replies": tuple(json.loads(row["replies"])),
        "finish_reasons": tuple(json.loads(row["finish_reasons"])),
        "kind": InteractionKind(row["kind"]),
        "status": InteractionStatus(row["status"]),
        "listed": bool(row["listed"]),
        "has_instructions": bool(row["has_instructions"]),
        "metadata": json.loads(row["metadata"]),
    }
    return Interaction(**{**row, **parsed})


def feedback_to_row(feedback: Feedback) -> dict[str, Any]:
    """The row of `feedback`; metadata becomes JSON text."""
    return {
        "user_id": feedback.user_id,
        "id": feedback.id,
        "completion_id": feedback.completion_id,
        "created_at": feedback.created_at,
        "updated_at": feedback.updated_at,
        "value": feedback.value,
        "correction": feedback.correction,
        "preferred_over": feedback.preferred_over,
        "comment": feedback.comment,
        "reason": feedback.reason,
        "metadata": metadata_to_text(feedback.metadata),
        "status": feedback.status.value,
    }


def feedback_from_row(row: Mapping[str, Any]) -> Feedback:
    """The feedback that `feedback_to_row` made `row` from."""
    parsed = {"metadata": json.loads(row["metadata"]), "status": FeedbackStatus(row["status"])}
    return Feedback(**{**row, **parsed})


def metadata_to_text(metadata: Mapping[str, str]) -> str:
    """The text of the `metadata` column."""
    return json.dumps(dict(metadata))
