"""Text that comes token by token."""

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from server.engine.detokenizer import TextStream, longest_partial_stop


@pytest.fixture(scope="module")
def tokenizer(tiny_model_folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(tiny_model_folder / "tokenizer.json"))


def test_a_special_token_is_shown_only_if_it_is_to_be(tokenizer: Tokenizer) -> None:
    [special] = tokenizer.encode("<|im_start|>").ids
    tokens = [*tokenizer.encode("a").ids, special, *tokenizer.encode("b").ids]
    hidden, shown = TextStream(tokenizer, ()), TextStream(tokenizer, ["x"], {special: "<tag>"})
    assert "".join([*map(hidden.push, tokens), hidden.flush()]) == "ab"
    assert "".join([*map(shown.push, tokens), shown.flush()]) == "a<tag>b"


def pieces(tokenizer: Tokenizer, text: str, stop: list[str]) -> list[str]:
    stream = TextStream(tokenizer, stop)
    result = []
    for token in tokenizer.encode(text).ids:
        result.append(stream.push(token))
        if stream.is_stopped:
            return result
    return [*result, stream.flush()]


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_the_pieces_make_up_the_text(tokenizer: Tokenizer, text: str) -> None:
    assume("<|" not in text)  # a special token is no text
    assert "".join(pieces(tokenizer, text, [])) == text


@given(
    text=st.text(alphabet="abc", max_size=40),
    stop=st.lists(st.text(alphabet="abc", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_text_ends_before_the_first_stop_string(
    tokenizer: Tokenizer, text: str, stop: list[str]
) -> None:
    # With one token per character, the stop string that is complete first ends the text.
    ends = [(text.find(s) + len(s), text.find(s)) for s in stop if s in text]
    first = min(ends)[0] if ends else 0
    expected = min(at for end, at in ends if end == first) if ends else len(text)
    assert "".join(pieces(tokenizer, text, stop)) == text[:expected]


def test_an_unfinished_character_is_held_back(tokenizer: Tokenizer) -> None:
    assert pieces(tokenizer, "é", []) == ["", "é", ""]


def test_the_beginning_of_a_stop_string_is_held_back(tokenizer: Tokenizer) -> None:
    assert pieces(tokenizer, "a<b", ["<end>"]) == ["a", "", "<b", ""]


def test_special_tokens_are_not_text(tokenizer: Tokenizer) -> None:
    assert "".join(pieces(tokenizer, "a<|im_start|>b", [])) == "ab"


@given(text=st.text(alphabet="ab", max_size=12), stop=st.text(alphabet="ab", min_size=1))
def test_what_is_held_back_could_become_a_stop_string(text: str, stop: str) -> None:
    length = longest_partial_stop(text, [stop])
    assert length < len(stop)
    assert stop.startswith(text[len(text) - length :])
