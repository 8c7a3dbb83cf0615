import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.text.edit_distance import common_length, edit_distance, normalised_edit_distance

TEXTS = st.text(alphabet="abcä😀", max_size=40)


def by_the_book(first: str, second: str) -> int:
    """Wagner and Fischer's dynamic programme."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


@given(TEXTS, TEXTS)
def test_the_distance_equals_the_textbook_algorithm(first: str, second: str) -> None:
    assert edit_distance(first, second) == by_the_book(first, second)


@given(TEXTS, TEXTS)
def test_the_distance_is_symmetric(first: str, second: str) -> None:
    assert edit_distance(first, second) == edit_distance(second, first)


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [("", "", 0.0), ("same", "same", 0.0), ("", "abc", 1.0), ("abcd", "abce", 0.25)],
)
def test_the_normalised_distance_is_a_share_of_the_longer_text(
    first: str, second: str, share: float
) -> None:
    assert normalised_edit_distance(first, second) == share


def test_two_long_replies_are_compared_quickly() -> None:
    first, second = "the quick brown fox " * 500, "jumps over a lazy dog " * 500
    assert 0.5 < normalised_edit_distance(first, second) <= 1.0


@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_the_common_length_is_that_of_the_longest_common_subsequence(
    first: str, second: str
) -> None:
    lengths = [0] * (len(second) + 1)
    for one in first:
        before = lengths
        lengths = [0]
        for place, other in enumerate(second):
            longer = before[place] + 1 if one == other else max(before[place + 1], lengths[-1])
            lengths.append(longer)
    assert common_length(first, second) == lengths[-1]
