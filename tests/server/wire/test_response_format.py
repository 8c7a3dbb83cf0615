"""`response_format` over HTTP: replies that are JSON, and fit what was asked for."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.server.live import LiveServer, Person, chat_body
from tests.server.sse import chunks, text_of
from tests.server.test_bad_input import schema_format

TRIP = {
    "type": "object",
    "properties": {
        "city": {"enum": ["Rome", "Oslo"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
        "sights": {"type": "array", "items": {"$ref": "#/$defs/Sight"}, "maxItems": 2},
    },
    "required": ["city", "days", "sights"],
    "additionalProperties": False,
    "$defs": {"Sight": {"enum": ["Forum", "Fjord"]}},
}
TRIP_FORMAT = schema_format(TRIP)


def is_trip(text: str) -> bool:
    trip = json.loads(text)
    return (
        set(trip) == {"city", "days", "sights"}
        and trip["city"] in ("Rome", "Oslo")
        and trip["days"] in range(1, 10)
        and set(trip["sights"]) <= {"Forum", "Fjord"}
    )


@pytest.mark.parametrize("temperature", [0, 1.5])
def test_a_reply_fits_its_schema_and_ends_with_it(
    live: LiveServer, person: Person, temperature: float
) -> None:
    body: dict[str, Any] = {"max_tokens": 200, "n": 3, "seed": 4, "temperature": temperature}
    for choice in live.chat(person.key, response_format=TRIP_FORMAT, **body)["choices"]:
        assert is_trip(choice["message"]["content"])
        assert choice["finish_reason"] == "stop"


def test_a_streamed_reply_fits_its_schema(live: LiveServer, person: Person) -> None:
    body = chat_body(stream=True, max_tokens=200, response_format=TRIP_FORMAT)
    with live.client(person.key) as client:
        received = chunks(client.post("/v1/chat/completions", json=body))
    assert is_trip(text_of(received))


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029"], ids=ascii)
def test_an_event_is_one_line_for_a_reader_that_knows_all_line_ends(
    live: LiveServer, person: Person, end: str
) -> None:
    text = f"a{end}b"
    body = chat_body(stream=True, max_tokens=60, response_format=schema_format({"const": text}))
    with (
        live.client(person.key) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as response,
    ):
        *lines, done = [line for line in response.iter_lines() if line]
    assert done == "data: [DONE]"
    assert json.loads(text_of([json.loads(line.removeprefix("data: ")) for line in lines])) == text


def test_a_reply_ends_with_its_schema_even_if_ends_of_turn_are_ignored(
    live: LiveServer, person: Person
) -> None:
    body: dict[str, Any] = {"max_tokens": 200, "ignore_eos": True}
    [choice] = live.chat(person.key, response_format=TRIP_FORMAT, **body)["choices"]
    assert is_trip(choice["message"]["content"])
    integer = schema_format({"type": "integer", "maximum": 50, "minimum": 10})
    [choice] = live.chat(person.key, response_format=integer, **body)["choices"]
    assert 10 <= int(choice["message"]["content"]) <= 50


def test_a_truncated_reply_says_so(live: LiveServer, person: Person) -> None:
    reply = live.chat(person.key, response_format=TRIP_FORMAT, max_tokens=9)
    [choice] = reply["choices"]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"] == '{"city": '


def test_any_json_object_may_be_asked_for(live: LiveServer, person: Person) -> None:
    reply = live.chat(person.key, response_format={"type": "json_object"}, max_tokens=30)
    [choice] = reply["choices"]
    assert choice["message"]["content"].startswith("{")
    if choice["finish_reason"] == "stop":
        assert isinstance(json.loads(choice["message"]["content"]), dict)


def test_text_is_the_same_as_no_format(live: LiveServer, person: Person) -> None:
    free = live.chat(person.key, "free")["choices"][0]["message"]
    assert (
        live.chat(person.key, "free", response_format={"type": "text"})["choices"][0]["message"]
        == free
    )


def test_a_free_reply_in_the_same_batch_does_not_change(live: LiveServer, person: Person) -> None:
    def ask(body: dict[str, Any]) -> str:
        return str(live.chat(person.key, **body)["choices"][0]["message"]["content"])

    free: dict[str, Any] = {"text": "beside", "max_tokens": 60}
    alone = ask(free)
    with ThreadPoolExecutor(2) as both:
        structured = both.submit(ask, {"response_format": TRIP_FORMAT, "max_tokens": 100})
        beside = both.submit(ask, free)
    assert beside.result() == alone
    assert is_trip(structured.result())


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "propertyNames": {"type": "string"}, "additionalProperties": False},
        {"type": "array", "uniqueItems": False, "maxItems": 0},
        {"type": "string", "format": "decimal", "maxLength": 1},
    ],
    ids=str,
)
def test_a_schema_is_not_refused_for_what_says_nothing(
    live: LiveServer, person: Person, schema: dict[str, Any]
) -> None:
    reply = live.chat(person.key, response_format=schema_format(schema), max_tokens=60)
    json.loads(reply["choices"][0]["message"]["content"])


# As pydantic writes a `Decimal`.
DECIMAL = {"type": "string", "pattern": "^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$"}


def test_a_branch_that_cannot_be_followed_leaves_the_others(
    live: LiveServer, person: Person
) -> None:
    schema = {
        "type": "object",
        "properties": {"price": {"anyOf": [{"type": "integer", "maximum": 99}, DECIMAL]}},
        "required": ["price"],
        "additionalProperties": False,
    }
    reply = live.chat(person.key, response_format=schema_format(schema), max_tokens=60)
    assert json.loads(reply["choices"][0]["message"]["content"])["price"] <= 99


def test_the_reason_of_a_refused_schema_is_whole(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        body = chat_body(response_format=schema_format(DECIMAL))
        response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 400
    message = response.json()["error"]["message"]
    assert "(?!^[-+.]*$)" in message and "look-around" in message
    assert "\n" not in message and "%json" not in message and "x-guidance" not in message


def test_a_structured_reply_is_stored_as_it_was_sent(live: LiveServer, person: Person) -> None:
    reply = live.chat(person.key, response_format=TRIP_FORMAT, max_tokens=200)
    with live.client(person.key) as client:
        stored = client.get(f"/v1/chat/completions/{reply['id']}").json()
    assert stored["choices"] == reply["choices"]
