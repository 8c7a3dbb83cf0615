"""From a request for a response to a chat request."""

from typing import Any

import pytest
from pydantic import ValidationError

from feedback.errors import NotFoundError
from feedback.records import Interaction, Message
from server.errors import RequestError, param_name
from server.wire.reply_ids import call_item_id, message_id, reasoning_id
from server.wire.requests import ChatRequest
from server.wire.responses_api.conversion import StoredReply, chat_request
from server.wire.responses_api.requests import ResponsesRequest
from server.wire.tool_calls import ToolCall, write
from server.wire.tool_choice import NamedFunction
from tests.feedback.make import make_interaction

COMPLETION = "chatcmpl-" + "ab" * 16
CALLS = (ToolCall("now", "{}"), ToolCall("book", '{"city": "Rome"}'))
CALLING = write("Let me see.", CALLS)
TURN = make_interaction(
    COMPLETION, messages=(Message("user", "Where?"),), replies=("Rome.",), finish_reasons=("stop",)
)
CALL = {"type": "function_call", "call_id": "c1", "name": "now", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "noon"}

Row = tuple[str, str, list[str], str | None]
"""Of a message: its role, its content, the ids of its calls, and the call that it answers."""


def request(**body: Any) -> ResponsesRequest:
    return ResponsesRequest.model_validate({"model": "tiny", **body})


def converted(
    previous: Interaction | None = None, stored: dict[str, StoredReply] | None = None, **body: Any
) -> ChatRequest:
    return chat_request(request(**body), previous, (stored or {}).get)


def rows(chat: ChatRequest) -> list[Row]:
    return [
        (each.role, each.content, [c.id or "" for c in each.tool_calls or ()], each.tool_call_id)
        for each in chat.messages
    ]


def test_a_text_is_a_message_of_the_user() -> None:
    assert rows(converted(input="hello")) == [("user", "hello", [], None)]


def test_instructions_come_first() -> None:
    chat = converted(input="hello", instructions="Be brief.")
    assert rows(chat)[0] == ("system", "Be brief.", [], None)


def test_messages_have_the_text_of_their_parts() -> None:
    items = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
        {
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "hi", "annotations": []}],
        },
    ]
    assert [each.content for each in converted(input=items).messages] == [
        "Be brief.",
        "hello",
        "hi",
    ]


def test_calls_belong_to_the_message_before_them() -> None:
    items = [
        {"role": "assistant", "content": "Let me see."},
        CALL,
        CALL | {"call_id": "c2"},
        OUTPUT,
        CALL | {"call_id": "c3"},
    ]
    assert rows(converted(input=items)) == [
        ("assistant", "Let me see.", ["c1", "c2"], None),
        ("tool", "noon", [], "c1"),
        ("assistant", "", ["c3"], None),
    ]


def test_reasoning_goes_with_the_call_after_it() -> None:
    thought = {"type": "reasoning", "summary": [], "content": [{"text": "Why?"}]}
    chat = converted(input=[thought, CALL, OUTPUT, {"role": "user", "content": "and?"}])
    assert [each.reasoning_content for each in chat.messages] == ["Why?", None, None]


def test_the_fields_of_both_apis_are_the_same() -> None:
    schema = {"type": "object", "properties": {}}
    chat = converted(
        input="hello",
        max_output_tokens=5,
        temperature=0.5,
        top_p=0.9,
        store=True,
        metadata={"a": "b"},
        user="ann",
        top_logprobs=2,
        parallel_tool_calls=False,
        reasoning={"effort": "low", "summary": "auto"},
        tools=[{"type": "function", "name": "now", "parameters": schema, "strict": True}],
        tool_choice={"type": "function", "name": "now"},
        text={"format": {"type": "json_schema", "name": "s", "schema": schema}},
        loralei={"memory": False},
    )
    assert ChatRequest.model_validate(
        {
            "model": "tiny",
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": 5,
            "temperature": 0.5,
            "top_p": 0.9,
            "store": True,
            "metadata": {"a": "b"},
            "user": "ann",
            "logprobs": True,
            "top_logprobs": 2,
            "parallel_tool_calls": False,
            "reasoning_effort": "low",
            "tools": [{"type": "function", "function": {"name": "now", "parameters": schema}}],
            "tool_choice": {"type": "function", "function": {"name": "now"}},
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "s", "schema": schema},
            },
            "loralei": {"memory": False},
        }
    ) == chat.model_copy(update={"reasoning_effort": "low"})
    assert chat.tool_choice == NamedFunction("now")


def test_a_turn_before_comes_before_the_input() -> None:
    assert rows(converted(TURN, input="and?")) == [
        ("user", "Where?", [], None),
        ("assistant", "Rome.", [], None),
        ("user", "and?", [], None),
    ]


@pytest.mark.parametrize(("has_instructions", "roles"), [(True, []), (False, ["system"])])
def test_only_instructions_are_not_carried_over(has_instructions: bool, roles: list[str]) -> None:
    turn = make_interaction(
        messages=(Message("system", "Be brief."), Message("user", "Where?")),
        has_instructions=has_instructions,
    )
    found = [each.role for each in converted(turn, input="and?").messages]
    assert found == [*roles, "user", "assistant", "user"]


def test_calls_of_the_turn_before_have_the_ids_that_the_client_knows() -> None:
    turn = make_interaction(COMPLETION, replies=(CALLING,), finish_reasons=("tool_calls",))
    first, second = f"call_{'ab' * 16}_0_0", f"call_{'ab' * 16}_0_1"
    chat = converted(turn, input=[OUTPUT | {"call_id": first}, OUTPUT | {"call_id": second}])
    assert rows(chat)[-3:] == [
        ("assistant", "Let me see.", [first, second], None),
        ("tool", "noon", [], first),
        ("tool", "noon", [], second),
    ]


def test_a_call_that_the_turn_before_has_is_not_added_again() -> None:
    turn = make_interaction(COMPLETION, replies=(CALLING,), finish_reasons=("tool_calls",))
    call = f"call_{'ab' * 16}_0_0"
    chat = converted(turn, input=[CALL | {"call_id": call}, OUTPUT | {"call_id": call}])
    assert [each.role for each in chat.messages[-2:]] == ["assistant", "tool"]


def test_calls_in_earlier_turns_keep_their_answers() -> None:
    messages = (
        Message("user", "Where?"),
        Message("assistant", CALLING),
        Message("tool", "noon"),
        Message("tool", "booked"),
    )
    chat = converted(make_interaction(COMPLETION, messages=messages), input="and?")
    _, calling, first, second, *_ = rows(chat)
    assert calling[2] == [first[3], second[3]]


def test_the_calls_of_a_turn_with_a_long_id_are_read() -> None:
    messages = (Message("user", "Where?"), Message("assistant", CALLING), Message("tool", "noon"))
    turn = make_interaction("x" * 128, messages=messages)
    assert [each.role for each in converted(turn, input="and?").messages[1:3]] == [
        "assistant",
        "tool",
    ]


def test_an_unwritten_reply_is_no_message() -> None:
    turn = make_interaction(replies=("",), finish_reasons=("aborted",))
    assert "assistant" not in [each.role for each in converted(turn, input="and?").messages]


def test_references_are_the_items_that_they_name() -> None:
    stored: dict[str, StoredReply] = {COMPLETION: (CALLING, "tool_calls")}
    items = [
        {"type": "item_reference", "id": reasoning_id(COMPLETION)},
        {"type": "item_reference", "id": message_id(COMPLETION)},
        {"type": "item_reference", "id": call_item_id(COMPLETION, 1)},
    ]
    [message] = converted(stored=stored, input=items).messages
    [call] = message.tool_calls or []
    assert (message.content, call.id) == ("Let me see.", f"call_{'ab' * 16}_0_1")
    assert (call.function.name, call.function.arguments) == ("book", '{"city": "Rome"}')


@pytest.mark.parametrize(
    "name", ["msg_1", message_id("chatcmpl-" + "cd" * 16), call_item_id(COMPLETION, 7)]
)
def test_a_reference_to_nothing_names_its_place(name: str) -> None:
    items = [{"role": "user", "content": "x"}, {"type": "item_reference", "id": name}]
    with pytest.raises(NotFoundError, match="send the item itself") as refused:
        converted(stored={COMPLETION: ("hi", "stop")}, input=items)
    assert refused.value.param == "input[1]"


def test_a_conversation_has_at_most_a_thousand_messages() -> None:
    items = [{"role": "user", "content": "x"}] * 999
    with pytest.raises(RequestError, match="more than 1000"):
        converted(TURN, input=items)


def test_a_message_has_at_most_128_calls() -> None:
    items = [CALL | {"call_id": f"c{number}"} for number in range(129)]
    with pytest.raises(RequestError, match="more than 128 calls"):
        converted(input=items)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": [{"role": "user", "content": "x"}] * 1001}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{"type": "web_search_call"}]}, "input[0]"),
        ({"input": [{"type": ["message"]}]}, "input[0]"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file"}]}]},
            "input[0].content",
        ),
        ({"input": [CALL | {"arguments": "[]"}]}, "input[0].arguments"),
        ({"input": [CALL | {"name": "no name"}]}, "input[0].name"),
        ({"input": [OUTPUT | {"call_id": "x" * 129}]}, "input[0].call_id"),
        ({"input": [OUTPUT | {"output": [{"type": "input_image"}]}]}, "input[0].output"),
        ({"input": "x", "tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"input": "x", "tools": [{"type": "mcp", "server_label": "a"}]}, "tools[0].type"),
        ({"input": "x", "tools": [{"type": "function"}]}, "tools[0].name"),
        ({"input": "x", "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"input": "x", "tool_choice": {"type": "web_search"}}, "tool_choice"),
        ({"input": "x", "text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"input": "x", "text": {"format": {"type": "json_schema"}}}, "text.format"),
        ({"input": "x", "max_output_tokens": 0}, "max_output_tokens"),
        ({"input": "x", "top_logprobs": 21}, "top_logprobs"),
        ({"input": "x", "include": ["x"] * 33}, "include"),
        ({"input": "x", "previous_response_id": "x" * 129}, "previous_response_id"),
        ({"input": "x", "background": True}, "background"),
        ({"input": "x", "conversation": {"id": "c"}}, "conversation"),
        ({"input": "x", "prompt": {"id": "p"}}, "prompt"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_bad_field_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(ValidationError) as refused:
        request(**body)
    assert param_name(("body", *refused.value.errors()[0]["loc"])) == param


def test_unknown_fields_and_those_that_are_off_are_ignored() -> None:
    body = request(
        input="x",
        background=False,
        conversation=None,
        prompt=None,
        truncation="auto",
        service_tier="auto",
        prompt_cache_key="k",
        include=["reasoning.encrypted_content"],
        stream_options={"include_obfuscation": False},
    )
    assert not body.wants_logprobs
