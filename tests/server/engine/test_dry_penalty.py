"""The DRY penalty on penalty."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.engine.dry_penalty import ALLOWED_LENGTH, GROWTH, HIGHEST, DryPenalty

TEXTS = st.lists(st.integers(0, 3), max_size=60)


def penalties(tokens: Sequence[int], multiplier: float = 1.0) -> dict[int, float]:
    penalty = DryPenalty(multiplier)
    for token in tokens:
        penalty.append(token, "")
    return penalty.penalties()


def longest_repeat(tokens: Sequence[int], following: int) -> int:
    """How many of the last tokens stood before `following` earlier, found the slow way."""
    longest = 0
    for place in range(len(tokens)):
        if tokens[place] == following:
            length = 0
            while length < place and tokens[place - 1 - length] == tokens[-1 - length]:
                length += 1
            longest = max(longest, length)
    return longest


@given(TEXTS)
def test_every_token_is_penalised_by_the_longest_sequence_it_would_repeat(
    tokens: list[int],
) -> None:
    found = penalties(tokens)
    for token in range(4):
        length = longest_repeat(tokens, token)
        expected = GROWTH ** (length - ALLOWED_LENGTH) if length >= ALLOWED_LENGTH else 0.0
        assert found.get(token, 0.0) == pytest.approx(min(HIGHEST, expected))


def test_a_phrase_may_come_again() -> None:
    assert penalties([1, 2, 3, 9, 1, 2, 3]) == {}


def test_a_long_loop_costs_no_more_than_the_bound() -> None:
    assert penalties([1, 2] * 500) == {1: HIGHEST}


def test_without_a_multiplier_nothing_is_penalised_much() -> None:
    assert penalties([1, 2] * 5, multiplier=0.0) == {1: 0.0}


def penalties_of(pieces: Sequence[str]) -> dict[int, float]:
    """The penalties after these pieces of text, equal pieces being equal tokens."""
    penalty = DryPenalty(1.0)
    for piece in pieces:
        penalty.append(hash(piece), piece)
    return penalty.penalties()


REPETITION = ["a", "b", "c", "d", "e"] * 4


def test_code_may_repeat_itself() -> None:
    assert penalties_of(["```", "python\n", *REPETITION]) == {}


def test_a_fence_may_come_in_several_tokens() -> None:
    assert penalties_of(["``", "`py\n", *REPETITION]) == {}


def test_text_after_code_is_penalised_again() -> None:
    assert penalties_of(["```", *REPETITION, "```", *REPETITION]) == penalties_of(REPETITION)


def test_what_code_says_may_be_said_after_it() -> None:
    assert penalties_of(["```", *REPETITION, "```", *REPETITION[:5]]) == {}
