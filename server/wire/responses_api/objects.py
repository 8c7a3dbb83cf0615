"""Response objects: as they begin, as they end, and as they were stored."""

from collections.abc import Sequence

from feedback.records import Interaction
from server.wire.reply_ids import response_id
from server.wire.responses import Json
from server.wire.responses_api.conversion import reply_parts
from server.wire.responses_api.output import output_items
from server.wire.responses_api.requests import ResponsesRequest
from server.wire.tool_choice import choice_json


def begun_json(
    body: ResponsesRequest,
    *,
    completion_id: str,
    created: int,
    temperature: float,
    top_p: float,
    is_stored: bool,
    loralei: Json,
) -> Json:
    """A response that has no output yet, with the settings that hold for it."""
    form = body.text.format if body.text else None
    return _head(completion_id, created, body.model) | {
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata or {},
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        "reasoning": {"effort": body.reasoning.effort if body.reasoning else None},
        "safety_identifier": body.safety_identifier,
        "store": is_stored,
        "temperature": temperature,
        "text": {"format": form.model_dump(by_alias=True, exclude_none=True)} if form else _TEXT,
        "tool_choice": choice_json(body.tool_choice or "auto"),
        "tools": [
            {"description": None, "parameters": None, "strict": None, **tool.model_dump()}
            for tool in body.tools or ()
        ],
        "top_logprobs": body.top_logprobs or 0,
        "top_p": top_p,
        "user": body.user if isinstance(body.user, str) else None,
        "loralei": loralei,
    }


def ended_json(
    begun: Json, output: Sequence[Json], usage: Json, *, finish_reason: str, loralei: Json
) -> Json:
    """The response with its output."""
    return {**begun, **_end(finish_reason), "output": list(output), "usage": usage} | {
        "loralei": loralei
    }


def failed_json(begun: Json, output: Sequence[Json], message: str) -> Json:
    """The response of which the server could not write the rest."""
    error = {"code": "server_error", "message": message}
    return {**begun, "status": "failed", "output": list(output), "error": error}


def usage_json(input_tokens: int, output_tokens: int, reasoning_tokens: int = 0) -> Json:
    """The tokens of a response. How many were cached is not counted."""
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning_tokens},
        "total_tokens": input_tokens + output_tokens,
    }


def stored_json(turn: Interaction) -> Json:
    """A stored completion as a response. The settings of its request are not stored."""
    reason = next(iter(turn.finish_reasons), "")
    content, calls = reply_parts(turn.reply, reason)
    items = output_items(turn.id, content, calls, is_truncated=reason == "length")
    first = next(iter(turn.messages), None)
    instructions = first.content if first and turn.has_instructions else None
    return _head(turn.id, int(turn.created_at), turn.model) | {
        **_end(reason),
        "instructions": instructions,
        "metadata": dict(turn.metadata),
        "output": items,
        "usage": usage_json(turn.prompt_tokens, turn.completion_tokens),
        "loralei": {
            "adapter": turn.adapter,
            **({"organisation": turn.organisation} if turn.organisation else {}),
            "kind": turn.kind.value,
            "status": turn.status.value,
        },
    }


_TEXT: Json = {"format": {"type": "text"}}


def _head(completion_id: str, created: int, model: str) -> Json:
    return {
        "id": response_id(completion_id),
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None},
        "safety_identifier": None,
        "store": True,
        "temperature": None,
        "text": _TEXT,
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": None,
        "truncation": "disabled",
        "usage": None,
        "user": None,
    }


def _end(finish_reason: str) -> Json:
    if finish_reason == "length":
        details = {"reason": "max_output_tokens"}
        return {"status": "incomplete", "incomplete_details": details}
    return {"status": "cancelled" if finish_reason == "aborted" else "completed"}
