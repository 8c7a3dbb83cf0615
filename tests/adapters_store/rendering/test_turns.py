"""Messages and tools as chat templates take them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters_store.rendering.call_format import HERMES, CallFormat
from adapters_store.rendering.turns import template_tools, template_turns
from feedback.records import Message

SHOWING = CallFormat(shows_calls=True)
ARGUMENTS = {"city": "Łódź"}


@dataclass(frozen=True)
class Turn:
    """A message that uses tools."""

    role: str
    content: str
    fields: Mapping[str, Any] = field(default_factory=dict)


def calling(call_id: str | None, name: str = "weather") -> Turn:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": ARGUMENTS}}
    return Turn("assistant", "<calls>", {"content": "", "tool_calls": [call]})


def answering(call_id: str | None) -> Turn:
    given = {} if call_id is None else {"tool_call_id": call_id}
    return Turn("tool", "sunny", {"content": "sunny", **given})


@pytest.mark.parametrize("form", [None, HERMES])
def test_a_template_that_shows_no_calls_gets_their_text(form: CallFormat | None) -> None:
    turns = template_turns([Message("user", "hi"), calling("c1"), answering("c1")], form)
    assert turns == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "<calls>"},
        {"role": "tool", "content": "sunny"},
    ]


def test_arguments_are_an_object_or_a_text_as_the_template_takes_them() -> None:
    def arguments(form: CallFormat) -> object:
        [turn] = template_turns([calling("c1")], form)
        return turn["tool_calls"][0]["function"]["arguments"]

    assert arguments(SHOWING) == ARGUMENTS
    assert arguments(CallFormat(shows_calls=True, has_text_arguments=True)) == json.dumps(
        ARGUMENTS, ensure_ascii=False
    )


@pytest.mark.parametrize("call_id", ["call_0a1b2c3d_0_0", "short", "nine-char", None])
def test_an_id_has_nine_letters_and_digits_and_is_that_of_its_answer(call_id: str | None) -> None:
    call, answer = template_turns([calling(call_id), answering(call_id)], SHOWING)
    shown = call["tool_calls"][0]["id"]
    assert len(shown) == 9 and shown.isalnum()
    assert answer["tool_call_id"] == shown
    other = template_turns([calling("another")], SHOWING)[0]["tool_calls"][0]["id"]
    assert other != shown


def test_an_id_that_every_template_takes_stays() -> None:
    [turn] = template_turns([calling("a1B2c3D4e")], SHOWING)
    assert turn["tool_calls"][0]["id"] == "a1B2c3D4e"


def test_an_answer_has_the_name_of_the_function_that_was_called() -> None:
    messages = [calling("c1", "weather"), calling("c2", "time"), answering("c1"), answering("c2")]
    assert [turn.get("name") for turn in template_turns(messages, SHOWING)][2:] == [
        "weather",
        "time",
    ]
    named = Turn("tool", "", {"content": "", "tool_call_id": "c1", "name": "mine"})
    assert template_turns([calling("c1"), named], SHOWING)[1]["name"] == "mine"


def test_a_tool_has_all_fields_that_templates_read() -> None:
    [tool] = template_tools([{"type": "function", "function": {"name": "f", "description": None}}])
    assert tool["function"] == {
        "name": "f",
        "description": "",
        "parameters": {"type": "object", "properties": {}},
    }
    full = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    assert template_tools([{"type": "function", "function": full}])[0]["function"] == full
