"""Response shapes: one function per record, from the record to its JSON."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from adapters_store.records import BASE, AdapterVersion, Promotion
from feedback.records import Chat, Feedback, Interaction, Message
from feedback.rules.user_rules import UserRule, rule_id
from feedback.threads import ThreadedTurn
from scheduler.cost import with_cost
from scheduler.evaluation.suite.records import SuiteRun
from scheduler.records import TrainingRun
from scheduler.version_report import read_report, report_of
from server.accounts.accounts import Account
from server.engine.records import TokenLogprob
from server.errors import RequestError
from server.wire.paging import Order
from server.wire.tool_calls import OPENING, ToolCall, parse

Json = dict[str, Any]

UNLIKELY = -9999.0
"""OpenAI's log-probability of a token that cannot come."""


def label(number: int | None) -> str:
    """A version's label by its number; None is the base."""
    return BASE if number is None else f"v{number}"


def page(items: Sequence[Json], has_more: bool) -> Json:
    """One page of a list, in the shape that OpenAI's SDK pages through."""
    return {
        "object": "list",
        "data": list(items),
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": has_more,
    }


def page_of(items: Sequence[Json], *, after: str | None, limit: int, order: Order) -> Json:
    """One page of a list that is at hand, oldest first. Raises `RequestError` (404) if no item has
    the id `after`."""
    items = list(items) if order == "asc" else list(reversed(items))
    ids = [item["id"] for item in items]
    if after is not None and after not in ids:
        raise RequestError(404, f"There is no item {after!r}.", param="after")
    rest = items if after is None else items[ids.index(after) + 1 :]
    return page(rest[:limit], len(rest) > limit)


def account_json(account: Account) -> Json:
    """An account without its keys and secrets, which nobody can read."""
    return {
        "id": account.id,
        "name": account.name,
        "display_name": account.display_name,
        "kind": account.kind.value,
        "frontend": account.frontend_id,
        "identity": _identity(account),
        "created_at": account.created_at,
        "last_seen_at": account.last_seen_at,
    }


def _identity(account: Account) -> str | None:
    """What a frontend's requests name their users by."""
    rules = account.identity_rules
    if rules is None:
        return "settings" if account.is_frontend else None
    if rules.jwt_secret is not None:
        return "jwt"
    return "headers" if rules.trust_headers else "body"


def feedback_json(feedback: Feedback) -> Json:
    """A feedback event, as its owner sees it."""
    row = {"object": "feedback", **asdict(feedback)}
    del row["user_id"]
    row["target"] = row.pop("completion_id")
    return row


def rule_json(rule: UserRule) -> Json:
    """A rule, as its owner sees it."""
    return {
        "id": rule_id(rule.rule),
        "object": "rule",
        "sentence": rule.rule.sentence,
        "attribute": rule.rule.attribute,
        "value": rule.rule.value,
        "status": rule.status.value,
        "support": rule.support,
        "against": rule.against,
        "feedback_ids": list(rule.feedback_ids),
        "decided_at": rule.decided_at,
    }


def completion_json(interaction: Interaction) -> Json:
    """A stored completion in OpenAI's shape."""
    choices = enumerate(zip(interaction.replies, interaction.finish_reasons, strict=True))
    return {
        "id": interaction.id,
        "object": "chat.completion",
        "created": int(interaction.created_at),
        "model": interaction.model,
        "choices": [
            choice_json(i, _stored_reply(interaction.id, i, text, reason), reason)
            for i, (text, reason) in choices
        ],
        "usage": usage_json(interaction.prompt_tokens, interaction.completion_tokens),
        "metadata": dict(interaction.metadata),
        "loralei": {
            "adapter": interaction.adapter,
            **({"organisation": interaction.organisation} if interaction.organisation else {}),
            "kind": interaction.kind.value,
            "status": interaction.status.value,
        },
    }


def stored_message_json(completion_id: str, index: int, message: Message) -> Json:
    """A message that a stored completion answered; its calls are in the stored text."""
    row: Json = {"id": f"{completion_id}-{index}", "role": message.role, "content": message.content}
    if message.role == "assistant" and OPENING in message.content:
        content, calls = parse(message.content)
        row |= message_json(content, tool_calls_json(row["id"], 0, calls))
    return row


def chat_json(chat: Chat) -> Json:
    """A chat as the list has it."""
    return {"object": "chat", **asdict(chat)}


def turn_json(turn: ThreadedTurn, feedback: Sequence[Feedback]) -> Json:
    """One turn of a chat: what was said since its parent's reply, the reply, and my feedback."""
    interaction = turn.interaction
    system = [each.content for each in interaction.messages if each.role == "system"]
    return {
        "id": interaction.id,
        "parent": turn.parent,
        "created_at": interaction.created_at,
        "adapter": interaction.adapter,
        "status": interaction.status.value,
        "system": "\n".join(system) or None,
        "messages": [{"role": each.role, "content": each.content} for each in turn.messages],
        "reply": interaction.reply,
        "finish_reason": next(iter(interaction.finish_reasons), "aborted"),
        "feedback": [feedback_json(each) for each in feedback],
    }


def choice_json(
    index: int, message: Json, finish_reason: str, logprobs: Json | None = None
) -> Json:
    """One reply of an unstreamed completion."""
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs,
        "finish_reason": finish_reason,
    }


def message_json(content: str, tool_calls: Sequence[Json], reasoning: str = "") -> Json:
    """The assistant's message; the content of calls alone is null."""
    message: Json = {"role": "assistant", "content": content, "refusal": None}
    if reasoning:
        message["reasoning_content"] = reasoning
    if tool_calls:
        message |= {"content": content or None, "tool_calls": list(tool_calls)}
    return message


def tool_calls_json(
    completion_id: str, index: int, calls: Sequence[ToolCall], *, first: int = 0
) -> list[Json]:
    """The calls of one choice, of which `calls` begin with the `first`.

    Their ids derive from the completion's, so they are stable.
    """
    unique = completion_id.removeprefix("chatcmpl-")
    return [
        {
            "id": f"call_{unique}_{index}_{number}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for number, call in enumerate(calls, first)
    ]


def logprob_json(logprob: TokenLogprob, token_bytes: Callable[[int], bytes]) -> Json:
    """One written token's log-probability, and the likeliest tokens at its place."""
    return {
        **_token_json(logprob.token, logprob.logprob, token_bytes),
        "top_logprobs": [_token_json(token, value, token_bytes) for token, value in logprob.top],
    }


def logprobs_json(content: Sequence[Json] | None) -> Json | None:
    """The log-probabilities of a choice, or None if they were not requested."""
    return None if content is None else {"content": list(content), "refusal": None}


def usage_json(
    prompt_tokens: int, completion_tokens: int, reasoning_tokens: int | None = None
) -> Json:
    """The tokens of a completion; those of the reasoning are not stored with it."""
    usage: Json = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    if reasoning_tokens is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": reasoning_tokens}
    return usage


def run_json(run: TrainingRun, price_per_hour: float = 0.0) -> Json:
    """A training run: its progress, result and reason, and its cost if there is a price."""
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
        "report": read_report(run.report).to_json(),
        "usage": with_cost(run.usage, price_per_hour),
    }


def suite_run_json(run: SuiteRun) -> Json:
    """A run of the evaluation suite: its progress, measures and verdict."""
    return {
        "id": run.id,
        "object": "suite.run",
        "user": run.user_id,
        "version": label(run.version),
        "base_revision": run.base_revision,
        "status": run.status.value,
        "trigger": run.trigger,
        "requested_by": run.requested_by,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "progress": asdict(run.progress),
        "reason": run.reason,
        "measures": [asdict(each) for each in run.measures],
    }


def version_json(
    version: AdapterVersion, active: AdapterVersion | None, suite: SuiteRun | None
) -> Json:
    """An adapter version with its report; `suite` is its newest suite run, if any."""
    return {
        "object": "adapter.version",
        "label": version.label,
        "number": version.number,
        "parent": None if version.parent is None else label(version.parent),
        "created_at": version.created_at,
        "created_by": version.created_by,
        "run_id": version.run_id,
        "examples": len(version.example_ids),
        "example_ids": list(version.example_ids),
        "dataset_hash": version.dataset_hash,
        "size_bytes": version.size_bytes,
        "checksum": version.checksum,
        "seed": version.seed,
        "lora": asdict(version.lora),
        "base_model": version.base_model,
        "base_revision": version.base_revision,
        "report": report_of(version).to_json(),
        "active": active is not None and active.number == version.number,
        "withdrawn_at": version.withdrawn_at,
        "suite": None if suite is None else suite_run_json(suite),
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


def _stored_reply(completion_id: str, index: int, text: str, finish_reason: str) -> Json:
    """A reply as it was sent. The stored text is the model's own, calls included."""
    if finish_reason != "tool_calls":
        return message_json(text, ())
    content, calls = parse(text)
    return message_json(content, tool_calls_json(completion_id, index, calls))


def _token_json(token: int, logprob: float, token_bytes: Callable[[int], bytes]) -> Json:
    text = token_bytes(token)
    known = logprob if math.isfinite(logprob) else UNLIKELY  # JSON has no infinities
    return {"token": text.decode(errors="replace"), "logprob": known, "bytes": list(text)}
