"""`tools`, and messages that use them, as clients send them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, StringConstraints

from feedback.records import Message
from server.wire.base import WireModel
from server.wire.response_format import Schema
from server.wire.tool_calls import TOOL_NAME, ToolCall, refuse_constant, write

MAX_CALLS = 128
MAX_CALL_ID = 128

ToolName = Annotated[str, StringConstraints(pattern=f"^{TOOL_NAME.pattern}$")]
CallId = Annotated[str, StringConstraints(max_length=MAX_CALL_ID)]


@dataclass(frozen=True, slots=True)
class ToolMessage(Message):
    """A message in which a tool is called or answers.

    `content` holds all of it as text, for storage and for base models without tools. A chat
    template with tools reads `fields` instead.
    """

    fields: Mapping[str, Any] = field(default_factory=dict, compare=False)


class FunctionDefinition(WireModel):
    """A function that the model may call, and the schema of its arguments."""

    name: ToolName
    description: str | None = None
    parameters: Schema | None = None


class Tool(WireModel):
    """A tool; only functions are supported."""

    type: Literal["function"]
    function: FunctionDefinition


def _check_arguments(text: str) -> str:
    try:
        arguments = json.loads(text or "{}", parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError("the arguments of a call must be a JSON object as text") from error
    if not isinstance(arguments, dict):
        raise ValueError("the arguments of a call must be a JSON object as text")
    return text or "{}"


Arguments = Annotated[str, AfterValidator(_check_arguments)]


class FunctionCall(WireModel):
    """The called function, and its arguments: a JSON object as text."""

    name: ToolName
    arguments: Arguments = "{}"


class WireToolCall(WireModel):
    """A call in an earlier message of the assistant."""

    id: CallId | None = None
    type: Literal["function"] = "function"
    function: FunctionCall


def calling_message(
    content: str, calls: Sequence[WireToolCall], reasoning: str = ""
) -> ToolMessage:
    """An assistant's message that ends in calls.

    Only templates see the `reasoning`: between a call and its answer they show it to the model.
    """
    functions = [call.function for call in calls]
    text = write(content, [ToolCall(each.name, each.arguments) for each in functions])
    return ToolMessage(
        "assistant",
        text,
        {
            "content": content,
            **({"reasoning_content": reasoning} if reasoning else {}),
            "tool_calls": [
                {
                    "id": call.id,
                    "type": call.type,
                    # Templates serialise objects themselves.
                    "function": {"name": each.name, "arguments": json.loads(each.arguments)},
                }
                for call, each in zip(calls, functions, strict=True)
            ],
        },
    )


def answering_message(content: str, name: str | None, call_id: str | None) -> ToolMessage:
    """A tool's answer."""
    fields = {"content": content, "name": name, "tool_call_id": call_id}
    given = {field: value for field, value in fields.items() if value is not None}
    return ToolMessage("tool", content, given)
