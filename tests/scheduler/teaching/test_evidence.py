"""What left-out texts and plain questions must show before demonstrations may teach."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.teaching.evidence import Evidence, LeftOut, may_teach

CLEAR = LeftOut(alone=-4.0, own=-3.0, stranger=-3.9)
GOOD = Evidence((CLEAR,) * 5, num_questions=20, num_right=16, num_right_shown=15)


def test_texts_that_the_others_make_likelier_may_teach() -> None:
    is_allowed, sentence = may_teach(GOOD)
    assert is_allowed
    assert (
        "5 of 5 texts that the user wrote or liked are likelier than without (+1.00 nats"
        in sentence
    )
    assert "it answers 15 of 20 plain questions right, without them 16" in sentence


@pytest.mark.parametrize("count", [0, 1])
def test_a_single_text_cannot_be_left_out(count: int) -> None:
    is_allowed, sentence = may_teach(replace(GOOD, left_out=(CLEAR,) * count))
    assert not is_allowed
    assert "from 2 on" in sentence


@pytest.mark.parametrize(
    "unclear",
    [
        LeftOut(alone=-3.0, own=-3.0, stranger=-3.9),
        LeftOut(alone=-4.0, own=-3.0, stranger=-2.9),
    ],
    ids=["no likelier than without", "no likelier than after a stranger's"],
)
def test_texts_that_the_others_do_not_explain_may_not_teach(unclear: LeftOut) -> None:
    is_allowed, sentence = may_teach(replace(GOOD, left_out=(unclear,) * 5))
    assert not is_allowed
    assert "does not see from them" in sentence


def test_one_odd_text_of_five_is_no_obstacle() -> None:
    odd = LeftOut(alone=-4.0, own=-4.1, stranger=-4.2)
    assert may_teach(replace(GOOD, left_out=(CLEAR,) * 4 + (odd,)))[0]
    assert not may_teach(replace(GOOD, left_out=(CLEAR,) * 3 + (odd,) * 2))[0]


def test_demonstrations_that_cost_what_the_base_knows_may_not_teach() -> None:
    is_allowed, sentence = may_teach(replace(GOOD, num_right_shown=13))
    assert not is_allowed
    assert "they cost what the base knows" in sentence


@given(st.lists(st.floats(-10, -0.01), min_size=2, max_size=8), st.integers(0, 20))
def test_demonstrations_without_any_effect_never_teach(values: list[float], right: int) -> None:
    left_out = tuple(LeftOut(each, each, each) for each in values)
    assert not may_teach(Evidence(left_out, 20, right, right))[0]
