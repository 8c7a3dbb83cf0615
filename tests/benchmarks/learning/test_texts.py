"""Sentences, and truncated replies."""

import pytest

from tests.benchmarks.learning.texts import sentences, whole_sentences


def test_list_items_and_line_ends_end_a_sentence() -> None:
    text = 'He said "Go." She went.\n\n1. Bread\n2. Milk and "eggs!"\n- Tea'
    assert sentences(text) == ['He said "Go."', "She went.", "Bread", 'Milk and "eggs!"', "Tea"]


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        ("It is here. It was th", "It is here."),
        ('He said "Go!" and th', 'He said "Go!"'),
        ("1. Bread is good.\n2. Mil", "1. Bread is good."),
        ("It costs 3.50 or", "It costs 3.50 or"),
        ("- Bread\n- Milk\n- Te", "- Bread\n- Milk"),
        ("nothing ends", "nothing ends"),
    ],
)
def test_a_truncated_sentence_is_dropped(cut: str, whole: str) -> None:
    assert whole_sentences(cut) == whole
