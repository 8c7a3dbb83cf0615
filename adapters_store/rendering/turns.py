"""Messages and tools as chat templates take them. Templates differ in what they need of tools."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from adapters_store.rendering.call_format import CallFormat


class ChatMessage(Protocol):
    """Anything with a role and a text."""

    @property
    def role(self) -> str: ...
    @property
    def content(self) -> str: ...


@runtime_checkable
class ToolTurn(ChatMessage, Protocol):
    """A message that uses tools; a template with tools reads only its `fields`."""

    @property
    def fields(self) -> Mapping[str, Any]: ...


Tool = Mapping[str, Any]
"""A tool that the model may call, in OpenAI's shape."""

_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


def template_turns(
    messages: Sequence[ChatMessage], form: CallFormat | None
) -> list[dict[str, Any]]:
    """The messages as a template with this format of calls takes them.

    A template that shows no calls gets the text of each message.
    """
    turns: list[dict[str, Any]] = []
    names: dict[str, str] = {}  # of functions, by the id of their call
    for message in messages:
        if form is None or not form.shows_calls or not isinstance(message, ToolTurn):
            turns.append({"role": message.role, "content": message.content})
            continue
        fields = dict(message.fields)
        if "tool_calls" in fields:
            fields["tool_calls"] = [_call(each, form) for each in fields["tool_calls"]]
            names |= {each["id"]: each["function"]["name"] for each in fields["tool_calls"]}
        if message.role == "tool":
            fields["tool_call_id"] = _short_id(fields.get("tool_call_id"))
            # Some templates need the name, and most clients leave it out.
            if name := names.get(fields["tool_call_id"]):
                fields.setdefault("name", name)
        turns.append({"role": message.role, **fields})
    return turns


def template_tools(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """The tools with the fields that clients may leave out: some templates need them."""
    needed = {"description": "", "parameters": _NO_PARAMETERS}
    return [
        {**tool, "function": needed | {k: v for k, v in tool["function"].items() if v is not None}}
        for tool in tools
    ]


def _call(call: Mapping[str, Any], form: CallFormat) -> dict[str, Any]:
    function = dict(call["function"])
    if form.has_text_arguments:
        function["arguments"] = json.dumps(function["arguments"], ensure_ascii=False)
    return {**call, "id": _short_id(call.get("id")), "function": function}


def _short_id(call_id: str | None) -> str:
    """An id of nine letters and digits: the template of Mistral takes no other."""
    if call_id is not None and re.fullmatch("[A-Za-z0-9]{9}", call_id):
        return call_id
    return hashlib.sha256((call_id or "").encode()).hexdigest()[:9]
