"""Reasoning in the text of replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters_store.reasoning import (
    Place,
    ReasoningReader,
    close_reasoning,
    ends_inside,
    split_reasoning,
)

# Texts that come close to tags without being any.
pieces = st.sampled_from(["<think>", "</think>", "<thi", "</thi", "nk>", "<", ">", "\n", " ", "x"])
texts = st.lists(pieces | st.text(max_size=4), max_size=12)


def read(pushed: list[str], *, begins_inside: bool = False) -> tuple[str, str]:
    reader = ReasoningReader(begins_inside=begins_inside)
    parts = [*map(reader.push, pushed), reader.finish()]
    return "".join(part[0] for part in parts), "".join(part[1] for part in parts)


def place(reader: ReasoningReader) -> Place:
    return reader.place


@pytest.mark.parametrize(
    ("text", "reasoning", "content"),
    [
        ("Hello.", "", "Hello."),
        ("<think>\nWhy?\n</think>\n\nOk.", "Why?", "Ok."),
        ("\n<think>Why?</think>Ok.", "Why?", "Ok."),
        ("<think>\n\n</think>\n\nOk.", "", "Ok."),
        ("<think>\na\n\nb", "a\n\nb", ""),
        ("<think>a </thi", "a </thi", ""),
        ("<think>a</think>", "a", ""),
        ("<think>a</think>b</think>c", "a", "b</think>c"),
        ("Use <think> tags.</think>", "", "Use <think> tags.</think>"),
        ("<thinking>", "", "<thinking>"),
        (" <thi", "", " <thi"),
        ("  spaces stay", "", "  spaces stay"),
        ("", "", ""),
    ],
)
def test_reasoning_is_told_from_content(text: str, reasoning: str, content: str) -> None:
    assert split_reasoning(text) == (reasoning, content)


@pytest.mark.parametrize(
    ("text", "reasoning", "content"),
    [
        ("Why?\n</think>\n\nOk.", "Why?", "Ok."),
        ("<think>\nWhy?</think>Ok.", "Why?", "Ok."),
        ("</think>Ok.", "", "Ok."),
        ("a < b", "a < b", ""),
        ("<", "<", ""),
    ],
)
def test_a_reply_may_begin_inside_its_reasoning(text: str, reasoning: str, content: str) -> None:
    assert read([text], begins_inside=True) == (reasoning, content)


@given(texts, st.booleans())
def test_how_a_reply_is_cut_into_pieces_does_not_matter(texts: list[str], is_open: bool) -> None:
    whole = "".join(texts)
    expected = read([whole], begins_inside=is_open)
    assert read(texts, begins_inside=is_open) == expected
    assert read([*whole], begins_inside=is_open) == expected


@given(texts)
def test_a_reply_without_a_tag_at_its_start_is_content(texts: list[str]) -> None:
    text = "".join(texts)
    if not text.lstrip().startswith("<think>"):
        assert split_reasoning(text) == ("", text)


def test_reasoning_is_passed_on_while_it_grows() -> None:
    reader = ReasoningReader()
    assert reader.push("<think>Let me") == ("Let me", "")
    assert reader.push(" see.") == (" see.", "")
    assert reader.push("\n</th") == ("", "")
    assert place(reader) is Place.REASONING
    assert reader.push("ink>\n") == ("", "")
    assert place(reader) is Place.BREAK
    assert reader.push("\nYes") == ("", "Yes")
    assert place(reader) is Place.CONTENT
    assert reader.push(" and no.") == ("", " and no.")


def test_a_prompt_that_opens_reasoning_can_be_closed() -> None:
    assert ends_inside("user: hi\nassistant: <think>\n")
    assert close_reasoning("assistant: <think>\n") == "assistant: <think>\n\n</think>\n\n"
    assert not ends_inside(close_reasoning("assistant: <think>\n"))


def test_a_prompt_that_opens_none_stays_as_it_is() -> None:
    assert close_reasoning("assistant:\n") == "assistant:\n"
