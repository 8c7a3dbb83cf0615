"""`tools` over HTTP, on base models whose chat template shows them and on one without."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from feedback.records import Interaction
from tests.server.live import LiveServer, Person, chat_body, running_with_tools
from tests.server.sse import chunks
from tests.server.test_bad_input import assert_refused
from tests.tiny_model import CHAT_TEMPLATE

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


@pytest.fixture(params=["hermes", "json"])
def skilled(request: pytest.FixtureRequest) -> LiveServer:
    """Servers whose base models know tools, in each format."""
    fixture = {"hermes": "knowing_tools", "json": "in_json"}[request.param]
    server: LiveServer = request.getfixturevalue(fixture)
    return server


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


def test_streamed_and_unstreamed_calls_are_the_same_except_their_ids(skilled: LiveServer) -> None:
    body: dict[str, Any] = {"tools": TOOLS, "tool_choice": WEATHER, "max_tokens": 150}
    [whole] = skilled.chat(skilled.admin_key, **body)["choices"]
    with skilled.admin() as client:
        sent = chat_body(stream=True, **body)
        received = chunks(client.post("/v1/chat/completions", json=sent))
    parts = [part for chunk in received for part in chunk["choices"]]
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


def test_a_format_goes_before_calls_that_may_be_made(skilled: LiveServer) -> None:
    reply = ask(skilled, skilled.admin_key, tools=TOOLS, response_format={"type": "json_object"})
    assert reply["choices"][0]["message"]["content"].startswith("{")


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
