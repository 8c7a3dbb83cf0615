"""Calls in the text of replies."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.wire.tool_calls import ToolCall, ToolCallReader, parse, write

WEATHER = ToolCall("weather", '{"city": "Rome"}')
TIME = ToolCall("time", "{}")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below),
    max_leaves=6,
)
arguments = st.dictionaries(st.text(max_size=8), values, max_size=3).map(json.dumps)
calls = st.builds(ToolCall, st.from_regex(r"[A-Za-z0-9_.-]{1,20}", fullmatch=True), arguments)
# Texts that come close to calls without being any.
pieces = st.sampled_from(
    ["<tool_call>", "</tool_call>", "<tool", "{", "}", '"name"', ": ", "\n", " ", "x", "[", "<|p"]
)
texts = st.lists(pieces | st.text(max_size=5), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("text", "content", "found"),
    [
        ("Hello.", "Hello.", []),
        ('<tool_call>\n{"name": "time", "arguments": {}}\n</tool_call>', "", [TIME]),
        ('Wait.\n<tool_call>{"name": "time", "arguments": {}}', "Wait.", [TIME]),
        (write("", [WEATHER, TIME]), "", [WEATHER, TIME]),
        ('{"name": "weather", "parameters": {"city": "Rome"}}', "", [WEATHER]),
        (
            '{"name": "time", "parameters": {}}; {"name": "time", "parameters": {}}',
            "",
            [TIME, TIME],
        ),
        ('[{"name": "time", "arguments": {}}]', "", [TIME]),
        ('<|python_tag|>{"name": "time", "parameters": {}}', "", [TIME]),
        ('<tool_call>{"name": "time", "argum', '<tool_call>{"name": "time", "argum', []),
        ('{"name": "Ann", "age": 3}', '{"name": "Ann", "age": 3}', []),
        (
            '{"name": "time", "parameters": {}} as you see',
            '{"name": "time", "parameters": {}} as you see',
            [],
        ),
        ('{"name": "time", "parameters": {"x": NaN}}',) * 2 + ([],),
        ('{"name": "time", "parameters": {"x": 1e999}}',) * 2 + ([],),
        ('{"name": "no name", "parameters": {}}',) * 2 + ([],),
        ("<tool_call>" + "[" * 100_000,) * 2 + ([],),
    ],
    ids=lambda value: str(value)[:40],
)
def test_calls_are_told_from_content(text: str, content: str, found: list[ToolCall]) -> None:
    assert parse(text) == (content, tuple(found))


def test_a_call_that_quotes_its_own_ending_is_read_whole() -> None:
    quoting = ToolCall("say", json.dumps({"text": "</tool_call><tool_call>"}))
    assert parse(write("", [quoting])) == ("", (quoting,))


@given(
    st.sampled_from(["", "Let me see.", "Zwei\nZeilen"]), st.lists(calls, min_size=1, max_size=3)
)
def test_what_is_written_is_read_back(content: str, called: list[ToolCall]) -> None:
    assert parse(write(content, called)) == (content, tuple(called))


@given(texts)
def test_without_calls_the_content_is_the_text(text: str) -> None:
    content, found = parse(text)
    assert found or content == text


@given(texts | st.builds(write, texts, st.lists(calls, max_size=2)), st.data())
def test_a_growing_reply_reads_as_the_whole_one(text: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    bounds = sorted({0, len(text), *cuts})
    reader = ToolCallReader()
    content = "".join(reader.push(text[start:end]) for start, end in pairwise(bounds))
    rest, found = reader.finish()
    assert (content + rest, found) == parse(text)


def test_plain_text_is_passed_on_at_once() -> None:
    reader = ToolCallReader()
    assert [reader.push(text) for text in ("Let", " me", " see")] == ["Let", " me", " see"]


def test_nothing_of_a_call_is_passed_on() -> None:
    reader = ToolCallReader()
    passed: list[Any] = [reader.push(character) for character in write("Wait.", [WEATHER])]
    assert "".join(passed) == "Wait."
    assert reader.finish() == ("", (WEATHER,))
