"""What we send: the JSON shapes of the records, one function each."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from adapters_store.records import BASE, AdapterVersion, Promotion
from feedback.records import Feedback, Interaction
from scheduler.records import TrainingRun
from server.accounts import Account

Json = dict[str, Any]


def label(number: int | None) -> str:
    """A version's name by its number; None is the base."""
    return BASE if number is None else f"v{number}"


def page(items: Sequence[Json], has_more: bool) -> Json:
    """One page of a list, as OpenAI's SDK pages through it."""
    return {
        "object": "list",
        "data": list(items),
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": has_more,
    }


def account_json(account: Account) -> Json:
    """An account, without its keys: nobody can read those."""
    return {
        "id": account.id,
        "name": account.name,
        "kind": account.kind.value,
        "frontend": account.frontend_id,
        "created_at": account.created_at,
        "last_seen_at": account.last_seen_at,
    }


def feedback_json(feedback: Feedback) -> Json:
    """A judgement, as its owner sees it."""
    row = {"object": "feedback", **asdict(feedback)}
    del row["user_id"]
    return row


def completion_json(interaction: Interaction) -> Json:
    """A stored completion in OpenAI's shape."""
    choices = zip(interaction.replies, interaction.finish_reasons, strict=True)
    return {
        "id": interaction.id,
        "object": "chat.completion",
        "created": int(interaction.created_at),
        "model": interaction.model,
        "choices": [choice_json(i, text, reason) for i, (text, reason) in enumerate(choices)],
        "usage": usage_json(interaction.prompt_tokens, interaction.completion_tokens),
        "metadata": dict(interaction.metadata),
        "loralei": {
            "adapter": interaction.adapter,
            "memory": False,
            "kind": interaction.kind.value,
            "status": interaction.status.value,
        },
    }


def choice_json(index: int, text: str, finish_reason: str) -> Json:
    """One reply of an unstreamed completion."""
    return {
        "index": index,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "logprobs": None,
        "finish_reason": finish_reason,
    }


def usage_json(prompt_tokens: int, completion_tokens: int) -> Json:
    """What a completion used, in tokens."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def run_json(run: TrainingRun) -> Json:
    """A training run: how far it is, what came of it, and why."""
    return {
        "id": run.id,
        "object": "training.run",
        "user": run.user_id,
        "status": run.status.value,
        "trigger": run.trigger,
        "requested_by": run.requested_by,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "progress": asdict(run.progress),
        "reason": run.reason,
        "version": None if run.version is None else label(run.version),
        "dataset_hash": run.dataset_hash,
        "report": dict(run.report),
        "usage": dict(run.usage),
    }


def version_json(version: AdapterVersion, active: AdapterVersion | None) -> Json:
    """An adapter version with everything that explains it."""
    return {
        "object": "adapter.version",
        "label": version.label,
        "number": version.number,
        "parent": None if version.parent is None else label(version.parent),
        "created_at": version.created_at,
        "created_by": version.created_by,
        "run_id": version.run_id,
        "rows": len(version.example_ids),
        "example_ids": list(version.example_ids),
        "dataset_hash": version.dataset_hash,
        "size_bytes": version.size_bytes,
        "checksum": version.checksum,
        "seed": version.seed,
        "lora": asdict(version.lora),
        "base_model": version.base_model,
        "base_revision": version.base_revision,
        "report": dict(version.report),
        "active": active is not None and active.number == version.number,
    }


def promotion_json(promotion: Promotion) -> Json:
    """One move of a user's pointer."""
    return {
        "object": "adapter.promotion",
        "user": promotion.user_id,
        "from": label(promotion.from_number),
        "to": label(promotion.to_number),
        "by": promotion.by,
        "at": promotion.at,
        "reason": promotion.reason,
    }
