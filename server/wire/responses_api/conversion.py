"""Turns a request for a response into a chat request."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from feedback.errors import NotFoundError
from feedback.records import Interaction
from server.errors import RequestError
from server.wire.reply_ids import stored_item
from server.wire.requests import MAX_MESSAGES, AnsweredRequest, ChatRequest, WireMessage
from server.wire.responses import Json, tool_calls_json
from server.wire.responses_api.items import (
    CallItem,
    CallOutputItem,
    InputItem,
    ItemReference,
    MessageItem,
    ReasoningItem,
)
from server.wire.responses_api.requests import ResponsesRequest
from server.wire.tool_calls import OPENING, ToolCall, parse
from server.wire.tools import MAX_CALLS, FunctionCall, Tool, WireToolCall

PARAMS = {"messages": "input", "response_format": "text.format"}
"""A chat request's fields by which of these they come from."""

StoredReply = tuple[str, str]
"""A reply's text and its finish reason."""
FindReply = Callable[[str], StoredReply | None]
"""The stored reply of the completion with this id."""


def chat_request(
    body: ResponsesRequest, previous: Interaction | None, find_reply: FindReply
) -> ChatRequest:
    """The chat request that asks for the same reply.

    `previous` is the turn behind `previous_response_id`. Raises `NotFoundError` for a reference to
    an item that is not stored, and `RequestError` (400) for more messages or calls than a chat
    request may have.
    """
    earlier = [] if previous is None else _conversation(previous)
    messages = [*earlier, *_messages(_resolved(body.input, find_reply), earlier)]
    if body.instructions is not None:
        messages.insert(0, WireMessage(role="system", content=body.instructions))
    if len(messages) > MAX_MESSAGES:
        message = f"The conversation has more than {MAX_MESSAGES} messages."
        raise RequestError(400, message, param="input")
    form = body.text.format if body.text else None
    tools = [Tool(type="function", function=tool.definition) for tool in body.tools or ()]
    # Every value was checked where it came from.
    return ChatRequest.model_construct(
        **{name: getattr(body, name) for name in AnsweredRequest.model_fields},
        messages=messages,
        max_tokens=body.max_output_tokens,
        logprobs=body.wants_logprobs,
        top_logprobs=body.top_logprobs,
        response_format=form.response_format if form else None,
        tools=tools or None,
        tool_choice=body.tool_choice,
        parallel_tool_calls=body.parallel_tool_calls,
        reasoning_effort=body.reasoning.effort if body.reasoning else None,
    )


def reply_parts(text: str, finish_reason: str) -> tuple[str, tuple[ToolCall, ...]]:
    """A stored reply's content and its calls."""
    return parse(text) if finish_reason == "tool_calls" else (text, ())


def earlier_messages(turn: Interaction) -> list[WireMessage]:
    """The messages that a turn answered, without its instructions.

    Ids of calls are not stored, so these are not the ones that the client knows. What is stored is
    not checked again: imported ids may be longer than those of requests.
    """
    messages: list[WireMessage] = []
    open_calls: Iterator[Json] = iter(())
    for index, each in enumerate(turn.messages):
        if index == 0 and turn.has_instructions:
            continue
        if each.role == "assistant" and OPENING in each.content:
            content, calls = parse(each.content)
            made = tool_calls_json(f"{turn.id}-{index}", 0, calls)
            open_calls = iter(made)
            messages.append(_assistant(content, made))
        elif each.role == "tool":
            call = next(open_calls, None)
            messages.append(
                WireMessage.model_construct(
                    role="tool", content=each.content, tool_call_id=call["id"] if call else None
                )
            )
        else:
            messages.append(WireMessage.model_construct(role=each.role, content=each.content))
    return messages


def _conversation(turn: Interaction) -> list[WireMessage]:
    """The messages that a turn answered, without its instructions, and its reply, whose calls have
    the ids that the client knows."""
    messages = earlier_messages(turn)
    content, calls = reply_parts(turn.reply, next(iter(turn.finish_reasons), ""))
    if content or calls:
        messages.append(_assistant(content, tool_calls_json(turn.id, 0, calls)))
    return messages


def _assistant(content: str, calls: Sequence[Json]) -> WireMessage:
    made = [
        WireToolCall.model_construct(
            id=call["id"], function=FunctionCall.model_construct(**call["function"])
        )
        for call in calls
    ]
    return WireMessage.model_construct(role="assistant", content=content, tool_calls=made or None)


def _resolved(items: Iterable[InputItem], find_reply: FindReply) -> Iterator[InputItem]:
    """The items with what references mean in their place; reasoning is not stored."""
    for index, item in enumerate(items):
        if not isinstance(item, ItemReference):
            yield item
            continue
        place = stored_item(item.id)
        if place is not None and place.is_reasoning:
            continue
        found = find_reply(place.completion_id) if place else None
        content, calls = reply_parts(*found) if found else ("", ())
        if place is not None and place.call is None and found:
            yield MessageItem(role="assistant", content=content)
        elif place is not None and place.call is not None and place.call < len(calls):
            made = tool_calls_json(place.completion_id, 0, calls)[place.call]
            yield CallItem(type="function_call", call_id=made["id"], **made["function"])
        else:
            message = (
                f"There is no stored item {item.id!r}: send the item itself. Clients do if the"
                " requests before have store: false."
            )
            raise NotFoundError(message, f"input[{index}]")


def _messages(items: Iterable[InputItem], earlier: Sequence[WireMessage]) -> list[WireMessage]:
    """The messages that the items are. Calls become part of the assistant's message before them.

    Calls that `earlier` has already are left out: some clients send them again.
    """
    known = {call.id for message in earlier for call in message.tool_calls or ()}
    messages: list[WireMessage] = []
    reasoning: str | None = None
    for item in items:
        match item:
            case ReasoningItem():
                reasoning = item.text
                continue
            case CallOutputItem():
                messages.append(
                    WireMessage(role="tool", content=item.output, tool_call_id=item.call_id)
                )
            case CallItem() if item.call_id not in known:
                _add_call(messages, item, reasoning)
            case MessageItem():
                messages.append(
                    WireMessage(role=item.role, content=item.content, reasoning_content=reasoning)
                )
        reasoning = None
    return messages


def _add_call(messages: list[WireMessage], item: CallItem, reasoning: str | None) -> None:
    function = FunctionCall(name=item.name, arguments=item.arguments)
    call = WireToolCall(id=item.call_id, function=function)
    if not messages or messages[-1].role != "assistant":
        messages.append(WireMessage(role="assistant", reasoning_content=reasoning))
    last = messages[-1]
    calls = [*(last.tool_calls or ()), call]
    if len(calls) > MAX_CALLS:
        message = f"One message of the assistant has more than {MAX_CALLS} calls."
        raise RequestError(400, message, param="input")
    kept = last.reasoning_content or reasoning
    messages[-1] = last.model_copy(update={"tool_calls": calls, "reasoning_content": kept})
