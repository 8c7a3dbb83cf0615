"""The input of a stored response, as items."""

from collections.abc import Iterator

from feedback.records import Interaction
from server.wire.responses import Json
from server.wire.responses_api.conversion import earlier_messages
from server.wire.tools import WireToolCall


def input_items(turn: Interaction) -> list[Json]:
    """What the turn answered, oldest first: messages, calls and their outputs.

    The instructions are no item. Ids are stable, and no request can refer to them.
    """
    digits = turn.id.removeprefix("chatcmpl-")
    return [
        {"id": f"{prefix}_{digits}_in{index}", **item, "status": "completed"}
        for index, (prefix, item) in enumerate(_items(turn))
    ]


def _items(turn: Interaction) -> Iterator[tuple[str, Json]]:
    """Each with the first part of its id."""
    for message in earlier_messages(turn):
        if message.role == "tool":
            yield "fco", _output(message.tool_call_id, message.content)
            continue
        if message.content or not message.tool_calls:
            yield "msg", _text(message.role, message.content)
        for call in message.tool_calls or ():
            yield "fc", _call(call)


def _text(role: str, text: str) -> Json:
    if role == "assistant":
        part: Json = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    else:
        part = {"type": "input_text", "text": text}
    return {"type": "message", "role": role, "content": [part]}


def _call(call: WireToolCall) -> Json:
    made = call.function
    return {
        "type": "function_call",
        "call_id": call.id,
        "name": made.name,
        "arguments": made.arguments,
    }


def _output(call_id: str | None, output: str) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": output}
