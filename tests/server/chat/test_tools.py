"""`tools` over HTTP, on base models whose chat template shows them and on one without."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from adapters_store.rendering.call_format import CallFormat
from feedback.records import Interaction
from server.wire.requests import ChatRequest
from tests.server.live import LiveServer, Person, chat_body, running_with_tools
from tests.server.sse import chunks
from tests.server.test_bad_input import assert_refused, schema_format
from tests.tiny_model import (
    CHAT_TEMPLATE,
    LIST_MARKERS,
    LIST_TEMPLATE,
    TOOL_MARKERS,
    TOOL_TEMPLATE,
)

CITY = {
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/City"}},
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"City": {"enum": ["Rome", "Oslo"]}},
}
TOOLS = [
    {"type": "function", "function": {"name": "weather", "parameters": CITY}},
    {"type": "function", "function": {"name": "now", "description": "The time."}},
]
WEATHER = {"type": "function", "function": {"name": "weather"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
# As Llama 3 shows tools: nothing of its format can be seen in the template.
JSON_TEMPLATE = "{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}" + CHAT_TEMPLATE


@pytest.fixture(scope="module")
def in_json(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose base model writes calls as plain JSON."""
    folder = tmp_path_factory.mktemp("in-json")
    with running_with_tools(folder, JSON_TEMPLATE) as server:
        yield server


@pytest.fixture(scope="module")
def with_tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose tokenizer has each mark of a call as one token, as Qwen's does."""
    folder = tmp_path_factory.mktemp("with-tokens")
    with running_with_tools(folder, TOOL_TEMPLATE, markers=TOOL_MARKERS) as server:
        yield server


@pytest.fixture(scope="module")
def in_lists(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose base model writes all calls as one list after a special token."""
    folder = tmp_path_factory.mktemp("in-lists")
    tokens = {"markers": LIST_MARKERS, "are_markers_special": True}
    with running_with_tools(folder, LIST_TEMPLATE, **tokens) as server:
        yield server


SKILLED = {
    "hermes": "knowing_tools",
    "tokens": "with_tokens",
    "lists": "in_lists",
    "json": "in_json",
}


@pytest.fixture(params=SKILLED)
def skilled(request: pytest.FixtureRequest) -> LiveServer:
    """Servers whose base models know tools, in each format."""
    server: LiveServer = request.getfixturevalue(SKILLED[request.param])
    return server


@pytest.fixture(params=["hermes", "tokens", "lists"])
def marking(request: pytest.FixtureRequest) -> LiveServer:
    """Those of them that write a marker before a call."""
    server: LiveServer = request.getfixturevalue(SKILLED[request.param])
    return server


def favouring(server: LiveServer, text: str) -> dict[str, Any]:
    """A request's fields that make the model begin with `text`, if a grammar lets it."""
    tokenizer = server.services.runtime.engine.renderer.tokenizer
    token = tokenizer.encode(text, add_special_tokens=False)[0]
    return {"logit_bias": {str(token): 100}}


def favouring_more(server: LiveServer) -> dict[str, Any]:
    """Fields that make the model go on calling, where it may."""
    form = server.services.runtime.engine.renderer.call_format
    assert form is not None and form.separator is not None
    return favouring(server, form.marker if form.marker in form.separator else form.separator)


def marker_of(server: LiveServer) -> str:
    form = server.services.runtime.engine.renderer.call_format
    assert form is not None
    return form.marker


def ask(server: LiveServer, key: str, **body: Any) -> dict[str, Any]:
    return server.chat(key, max_tokens=150, **body)


def interaction(server: LiveServer, person: Person, reply: dict[str, Any]) -> Interaction:
    return server.services.stores.log.interaction(person.id, reply["id"])


def test_a_call_that_must_be_made_is_made(skilled: LiveServer) -> None:
    reply = ask(skilled, skilled.admin_key, tools=TOOLS, tool_choice=WEATHER)
    [choice] = reply["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    [call] = choice["message"]["tool_calls"]
    assert call["type"] == "function" and call["id"]
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"])["city"] in ("Rome", "Oslo")


def test_some_call_is_made_if_one_is_required(skilled: LiveServer) -> None:
    body: dict[str, Any] = {"temperature": 1, "seed": 3, "n": 4}
    reply = ask(skilled, skilled.admin_key, tools=TOOLS, tool_choice="required", **body)
    for choice in reply["choices"]:
        [call] = choice["message"]["tool_calls"]
        assert call["function"]["name"] in ("weather", "now")
    ids = {choice["message"]["tool_calls"][0]["id"] for choice in reply["choices"]}
    assert len(ids) == 4


def allowed(mode: str, *names: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def test_of_allowed_tools_one_is_called_if_it_must_be(knowing_tools: LiveServer) -> None:
    choice = allowed("required", "now")
    reply = ask(knowing_tools, knowing_tools.admin_key, tools=TOOLS, tool_choice=choice)
    [call] = reply["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "now"


def test_only_allowed_tools_are_shown(knowing_tools: LiveServer) -> None:
    key = knowing_tools.admin_key
    shown = ask(knowing_tools, key, tools=TOOLS, tool_choice=allowed("auto", "now"))
    alone = ask(knowing_tools, key, tools=TOOLS[1:])
    assert shown["usage"]["prompt_tokens"] == alone["usage"]["prompt_tokens"]


def test_a_tool_that_was_not_given_cannot_be_allowed(knowing_tools: LiveServer) -> None:
    with knowing_tools.admin() as client:
        body = chat_body(tools=TOOLS, tool_choice=allowed("auto", "now", "unknown"))
        assert_refused(client.post("/v1/chat/completions", json=body), 400, "tool_choice")


def test_streamed_and_unstreamed_calls_are_the_same_except_their_ids(skilled: LiveServer) -> None:
    body: dict[str, Any] = {"tools": TOOLS, "tool_choice": WEATHER, "max_tokens": 150}
    [whole] = skilled.chat(skilled.admin_key, **body)["choices"]
    with skilled.admin() as client:
        sent = chat_body(stream=True, **body)
        received = chunks(client.post("/v1/chat/completions", json=sent))
    parts = [chunk["choices"][0] for chunk in received]
    assert not any(part["delta"].get("content") for part in parts)
    [call] = [call for part in parts for call in part["delta"].get("tool_calls", [])]
    assert call["index"] == 0
    assert call["function"] == whole["message"]["tool_calls"][0]["function"]
    assert parts[-1]["finish_reason"] == "tool_calls"


def test_the_model_is_shown_the_tools(skilled: LiveServer) -> None:
    without = ask(skilled, skilled.admin_key)["usage"]["prompt_tokens"]
    offered = ask(skilled, skilled.admin_key, tools=TOOLS)["usage"]["prompt_tokens"]
    refused = ask(skilled, skilled.admin_key, tools=TOOLS, tool_choice="none")
    assert offered > without + len(json.dumps(CITY)) // 2
    assert refused["usage"]["prompt_tokens"] == without


def test_tools_that_may_be_called_do_not_disturb_a_text(skilled: LiveServer) -> None:
    [choice] = ask(skilled, skilled.admin_key, tools=TOOLS)["choices"]
    assert choice["message"]["content"]
    assert "tool_calls" not in choice["message"]


TRIP = schema_format(
    {
        "type": "object",
        "properties": {"where": {"enum": ["<tool_call>", "home"]}},
        "required": ["where"],
        "additionalProperties": False,
    }
)


def test_beside_a_format_an_answer_fits_it(skilled: LiveServer) -> None:
    wish = favouring(skilled, "{")
    reply = ask(skilled, skilled.admin_key, tools=TOOLS, response_format=TRIP, **wish)
    [choice] = reply["choices"]
    if skilled.services.runtime.engine.renderer.call_format != CallFormat():
        assert "tool_calls" not in choice["message"]
    if "tool_calls" not in choice["message"]:
        assert json.loads(choice["message"]["content"])["where"] in ("<tool_call>", "home")
        assert choice["finish_reason"] == "stop"


def test_beside_a_format_json_that_names_no_tool_is_content(skilled: LiveServer) -> None:
    person = {"name": "Anna", "arguments": {"age": 5}}
    wish = favouring(skilled, "{")
    body: dict[str, Any] = {"tools": TOOLS, "response_format": schema_format({"const": person})}
    [choice] = ask(skilled, skilled.admin_key, **body, **wish)["choices"]
    if "tool_calls" not in choice["message"]:
        assert json.loads(choice["message"]["content"]) == person
    else:  # without a marker the model may call, but only what it was given
        assert skilled.services.runtime.engine.renderer.call_format == CallFormat()
        assert choice["message"]["tool_calls"][0]["function"]["name"] in ("weather", "now")


def test_beside_a_format_a_call_may_be_made(marking: LiveServer) -> None:
    wish = favouring(marking, marker_of(marking))
    body: dict[str, Any] = {"tools": TOOLS, "response_format": TRIP, "parallel_tool_calls": False}
    [choice] = ask(marking, marking.admin_key, **body, **wish)["choices"]
    assert choice["finish_reason"] == "tool_calls"
    [call] = choice["message"]["tool_calls"]
    assert call["function"]["name"] in ("weather", "now")
    assert choice["message"]["content"] is None


def test_beside_a_format_the_model_is_shown_the_tools(skilled: LiveServer) -> None:
    alone = ask(skilled, skilled.admin_key, tools=TOOLS)["usage"]["prompt_tokens"]
    both = ask(skilled, skilled.admin_key, tools=TOOLS, response_format=TRIP)["usage"]
    assert both["prompt_tokens"] == alone


def test_a_tool_that_cannot_be_followed_does_not_disturb_a_format(marking: LiveServer) -> None:
    impossible = {"name": "f", "parameters": {"type": "object", "not": {}}}
    tools = [{"type": "function", "function": impossible}]
    wish = favouring(marking, "{")
    reply = ask(marking, marking.admin_key, tools=tools, response_format=TRIP, **wish)
    assert "where" in json.loads(reply["choices"][0]["message"]["content"])


def test_without_calls_a_format_is_all_that_counts(skilled: LiveServer) -> None:
    body: dict[str, Any] = {"tools": TOOLS, "tool_choice": "none", "response_format": TRIP}
    [choice] = ask(skilled, skilled.admin_key, **body)["choices"]
    assert "where" in json.loads(choice["message"]["content"])


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "f"}}])
def test_a_function_without_parameters_is_called(
    skilled: LiveServer, choice: Any, is_streamed: bool
) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    body = chat_body(tools=tools, tool_choice=choice, max_tokens=150, stream=is_streamed)
    with skilled.admin() as client:
        response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200
    if is_streamed:
        parts = [part for chunk in chunks(response) for part in chunk["choices"]]
        [call] = [call for part in parts for call in part["delta"].get("tool_calls", [])]
    else:
        [call] = response.json()["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "f", "arguments": "{}"}


def test_many_calls_are_made_if_they_may_be(marking: LiveServer) -> None:
    def asked(**fields: Any) -> list[Any]:
        wish = favouring_more(marking)
        body: dict[str, Any] = {"tools": TOOLS, "tool_choice": "required", "stream": True, **wish}
        sent = chat_body(**body, **fields) | {"max_tokens": 400}
        with marking.admin() as client:
            received = chunks(client.post("/v1/chat/completions", json=sent))
        parts = [part for chunk in received for part in chunk["choices"]]
        return [call for part in parts for call in part["delta"].get("tool_calls", [])]

    calls = asked(parallel_tool_calls=True)
    assert len(calls) > 1
    assert [call["index"] for call in calls] == list(range(len(calls)))
    assert len({call["id"] for call in calls}) == len(calls)
    assert len(asked(parallel_tool_calls=False)) == 1
    assert len(asked()) == 1


def test_many_calls_are_stored_as_they_were_sent(marking: LiveServer) -> None:
    wish = favouring_more(marking)
    body: dict[str, Any] = {"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": True}
    reply = marking.chat(marking.admin_key, max_tokens=400, **body, **wish)
    assert len(reply["choices"][0]["message"]["tool_calls"]) > 1
    with marking.admin() as client:
        stored = client.get(f"/v1/chat/completions/{reply['id']}").json()
    assert stored["choices"] == reply["choices"]


def test_a_conversation_with_calls_goes_on(skilled: LiveServer) -> None:
    messages = [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
    ]
    reply = ask(skilled, skilled.admin_key, tools=TOOLS, messages=messages)
    assert reply["choices"][0]["message"]["content"]
    with skilled.admin() as client:
        path = f"/v1/chat/completions/{reply['id']}/messages"
        asked, called, answered = client.get(path).json()["data"]
    assert asked["content"] == "What time is it?"
    assert called["content"] is None
    assert called["tool_calls"][0]["function"] == CALL["function"]
    assert (answered["role"], answered["content"]) == ("tool", "noon")


def test_the_model_reads_earlier_calls_and_answers(skilled: LiveServer) -> None:
    called = {"name": "weather", "arguments": '{"city": "Rome", "days": [1, 2]}'}
    turn = [
        {"role": "user", "content": "Again?"},
        {"role": "assistant", "tool_calls": [{"id": "a-long-id", "function": called}]},
        {"role": "tool", "tool_call_id": "a-long-id", "content": "sunny"},
        {"role": "assistant", "content": "It is sunny."},
    ]
    messages = [*turn, *turn, *turn, {"role": "user", "content": "Thanks."}]
    body = ChatRequest.model_validate(chat_body(messages=messages, tools=TOOLS))
    renderer = skilled.services.runtime.engine.renderer
    ids = renderer.prompt_ids(
        [message.message() for message in body.messages],
        [tool.model_dump() for tool in body.tools or ()],
    )
    text = renderer.tokenizer.decode(ids)
    assert text.count('{"city": "Rome", "days": [1, 2]}') == 3
    assert text.count("sunny<|im_end|>") == 3
    assert ask(skilled, skilled.admin_key, tools=TOOLS, messages=messages[:4])


def test_calls_are_stored_as_they_were_sent(skilled: LiveServer) -> None:
    reply = ask(skilled, skilled.admin_key, tools=TOOLS, tool_choice=WEATHER)
    with skilled.admin() as client:
        stored = client.get(f"/v1/chat/completions/{reply['id']}").json()
    assert stored["choices"] == reply["choices"]


def test_turns_with_tools_are_never_learned_from(skilled: LiveServer) -> None:
    person = skilled.new_person()
    called = ask(skilled, person.key, tools=TOOLS, tool_choice=WEATHER)
    messages = [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
    ]
    answered = ask(skilled, person.key, messages=messages)
    plain = ask(skilled, person.key, tools=TOOLS)
    with skilled.client(person.key) as client:
        for reply in (called, answered, plain):
            rated = client.post("/v1/feedback", json={"target": reply["id"], "value": "up"})
            assert rated.status_code == 201
    found, _ = skilled.services.stores.log.turns_with_feedback(person.id)
    assert [each.id for each in found] == [plain["id"]]
    assert not interaction(skilled, person, called).is_learnable
    assert not interaction(skilled, person, answered).is_learnable
    assert interaction(skilled, person, plain).is_learnable


def test_a_base_model_without_tools_answers_in_text(live: LiveServer, person: Person) -> None:
    reply = live.chat(person.key, tools=TOOLS)
    assert reply["choices"][0]["message"] == live.chat(person.key)["choices"][0]["message"]


def test_a_base_model_without_tools_still_reads_what_they_said(
    live: LiveServer, person: Person
) -> None:
    messages = [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
    ]
    assert live.chat(person.key, messages=messages)["choices"][0]["message"]["content"]


def test_a_call_that_cannot_be_made_is_refused(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        body = chat_body(tools=TOOLS, tool_choice="required")
        assert_refused(client.post("/v1/chat/completions", json=body), 400, "tool_choice")


def test_a_tool_that_was_not_given_cannot_be_called(skilled: LiveServer) -> None:
    unknown = {"type": "function", "function": {"name": "unknown"}}
    with skilled.admin() as client:
        body = chat_body(tools=TOOLS, tool_choice=unknown)
        assert_refused(client.post("/v1/chat/completions", json=body), 400, "tool_choice")


def test_a_schema_of_arguments_that_cannot_be_followed_is_refused(skilled: LiveServer) -> None:
    impossible = {"name": "f", "parameters": {"type": "object", "not": {}}}
    with skilled.admin() as client:
        tools = [{"type": "function", "function": impossible}]
        body = chat_body(tools=tools, tool_choice="required")
        assert_refused(client.post("/v1/chat/completions", json=body), 400, "tools")
