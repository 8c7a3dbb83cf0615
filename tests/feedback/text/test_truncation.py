"""The unfinished sentence that a length limit leaves at the end of a reply."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.text.truncation import strip_truncated_sentence


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("The sky is blue. It is high. And it", "The sky is blue. It is high."),
        ("The sky is blue. It is high.", "The sky is blue. It is high."),
        ("Buy these:\n\n1. Two eggs.\n2. Some flo", "Buy these:\n\n1. Two eggs."),
        ("Buy these:\n- eggs\n- some flo", "Buy these:\n- eggs"),
        ("First this. Then that.\n\n2. An", "First this. Then that."),
        ("He said “yes.” Then he", "He said “yes.”"),
        ("It costs 3.50 and not", "It costs 3.50 and not"),
        ("| a | b |", "| a | b |"),
        ("", ""),
    ],
)
def test_an_unfinished_last_sentence_is_removed(text: str, whole: str) -> None:
    assert strip_truncated_sentence(text) == whole


@given(st.text(alphabet="ab .!\n-1*", max_size=60))
def test_the_result_is_a_prefix_and_has_words_left(text: str) -> None:
    whole = strip_truncated_sentence(text)
    assert text.startswith(whole)
    assert bool(whole.strip(" .!\n-*")) == bool(text.strip(" .!\n-*"))
