"""Calls in the text of replies."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.wire.tool_calls import AllowedCalls, ToolCall, ToolCallReader, parse, write

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
    + ["```", "json", "```json\n", '{"name": "time", "arguments": {}}', ",", "]"]
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
        ('```json\n{\n  "name": "time",\n  "arguments": {}\n}\n```', "", [TIME]),
        ('```\n{"name": "time", "arguments": {}}\n```\n' * 2, "", [TIME, TIME]),
        ('```json\n{"name": "time"}\n```',) * 2 + ([],),
        ('See:\n```json\n{"name": "time", "arguments": {}}\n```',) * 2 + ([],),
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


allowed_calls = st.builds(
    AllowedCalls,
    names=st.sampled_from([None, {"time"}, {"weather", "x"}]),
    marker=st.sampled_from(["<tool_call>", "[TOOL_CALLS]", ""]),
    is_formed=st.booleans(),
    at_most=st.sampled_from([None, 1]),
)
written = st.lists(calls | st.sampled_from([WEATHER, TIME]), max_size=3)


@given(texts | st.builds(write, texts, written), allowed_calls, st.data())
def test_a_growing_reply_reads_as_the_whole_one(
    text: str, allowed: AllowedCalls, data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    bounds = sorted({0, len(text), *cuts})
    reader = ToolCallReader(allowed)
    parts = [reader.push(text[start:end]) for start, end in pairwise(bounds)]
    parts.append(reader.finish())
    content = "".join(new for new, _ in parts)
    assert (content, tuple(call for _, new in parts for call in new)) == parse(text, allowed)


def test_plain_text_is_passed_on_at_once() -> None:
    reader = ToolCallReader()
    assert [reader.push(text)[0] for text in ("Let", " me", " see")] == ["Let", " me", " see"]


def test_code_that_is_not_json_is_passed_on_at_once() -> None:
    reader = ToolCallReader()
    assert [reader.push(text)[0] for text in ("```", "py", "thon\n", "1")] == [
        "",
        "```py",
        "thon",
        "\n1",
    ]


def test_nothing_of_a_call_is_passed_on_as_content() -> None:
    reader = ToolCallReader()
    passed = [reader.push(character)[0] for character in write("Wait.", [WEATHER])]
    assert "".join(passed) == "Wait."


def test_a_call_is_passed_on_as_soon_as_it_is_whole() -> None:
    reader = ToolCallReader()
    text = write("", [TIME, WEATHER])
    end = text.index("}\n") + 1
    assert reader.push(text[:end]) == ("", (TIME,))
    assert reader.push(text[end:]) == ("", (WEATHER,))
    assert reader.finish() == ("", ())


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Anna", "arguments": {"age": 5}}',
        '<tool_call>\n{"name": "Anna", "arguments": {"age": 5}}\n</tool_call>',
        '[{"name": "time", "arguments": {}}, {"name": "Anna", "arguments": {"age": 5}}]',
    ],
)
def test_only_functions_that_were_given_are_called(text: str) -> None:
    assert parse(text, AllowedCalls(names={"time"})) == (text, ())
    assert parse(text, AllowedCalls(names={"time", "Anna"}))[1]


def test_a_known_function_is_called_beside_an_unknown_one() -> None:
    text = write("Wait.", [ToolCall("Anna", "{}"), TIME])
    content, found = parse(text, AllowedCalls(names={"time"}))
    assert found == (TIME,)
    assert content.startswith("Wait.") and "Anna" in content


def test_no_more_calls_are_read_than_are_allowed() -> None:
    for text in (write("", [TIME, WEATHER]), '[{"name": "time", "parameters": {}}] ' * 2):
        assert parse(text, AllowedCalls(at_most=1)) == ("", (TIME,))


def test_calls_of_one_list_follow_one_marker() -> None:
    text = (
        'Wait.[TOOL_CALLS] [{"name": "time", "arguments": {}}, '
        '{"name": "weather", "arguments": {"city": "Rome"}, "id": "abcdefghi"}]'
    )
    assert parse(text, AllowedCalls(marker="[TOOL_CALLS]")) == ("Wait.", (TIME, WEATHER))


def test_in_a_formed_reply_only_its_beginning_may_be_calls() -> None:
    formed = AllowedCalls(is_formed=True)
    quoting = json.dumps({"text": write("", [TIME])})
    assert parse(quoting, formed) == (quoting, ())
    assert parse(write("", [TIME, WEATHER]), formed) == ("", (TIME, WEATHER))
    bare = '{"name": "time", "arguments": {}}'
    assert parse(bare, formed) == (bare, ())
    assert parse(bare, AllowedCalls(is_formed=True, marker="")) == ("", (TIME,))
