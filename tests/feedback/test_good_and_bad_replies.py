"""The replies that feedback calls good or bad."""

import pytest

from feedback.judged_replies import rated_replies
from feedback.records import Feedback
from tests.feedback.make import make_feedback, make_interaction

REPLY = "The capital of France is Paris."
TURNS = [
    make_interaction("one", adapter="base"),
    make_interaction("two", adapter="v1", created_at=101.0),
    make_interaction("three", adapter="v1", created_at=102.0),
    make_interaction("tool call", adapter="v1", finish_reasons=("tool_calls",)),
]


def is_bad_by_id(*feedback: Feedback) -> dict[str, bool]:
    """Whether each rated reply is bad, by its id."""
    return {each.interaction.id: each.is_bad for each in rated_replies(TURNS, feedback)}


@pytest.mark.parametrize(("value", "is_bad"), [(1, False), (-1, True)])
def test_a_rating_decides(value: int, is_bad: bool) -> None:
    assert is_bad_by_id(make_feedback(target="one", value=value)) == {"one": is_bad}


def test_a_reply_that_a_correction_replaces_is_bad() -> None:
    assert is_bad_by_id(make_feedback(target="one", correction="Paris.")) == {"one": True}


def test_a_small_correction_makes_the_reply_neither_good_nor_bad() -> None:
    assert is_bad_by_id(make_feedback(target="one", correction=REPLY.lower())) == {}


def test_a_rating_outranks_a_correction() -> None:
    assert is_bad_by_id(make_feedback(target="one", value=1, correction="Paris.")) == {"one": False}


def test_a_comment_alone_rates_nothing() -> None:
    assert is_bad_by_id(make_feedback(target="one", comment="Too long.")) == {}


def test_in_a_preference_the_winner_is_good_and_the_loser_bad() -> None:
    chosen = make_feedback(target="one", preferred_over="two")
    assert is_bad_by_id(chosen) == {"one": False, "two": True}


def test_a_preference_between_replies_of_one_version_rates_nothing() -> None:
    assert is_bad_by_id(make_feedback(target="two", preferred_over="three")) == {}


def test_the_newest_feedback_on_a_reply_wins() -> None:
    liked = make_feedback("first", target="two", value=1)
    lost = make_feedback("second", target="one", preferred_over="two", at=300.0)
    assert is_bad_by_id(liked, lost) == {"one": False, "two": True}
    liked_again = make_feedback("first", target="two", value=1, at=400.0)
    assert is_bad_by_id(liked_again, lost) == {"one": False, "two": False}


def test_each_reply_counts_once() -> None:
    rating = make_feedback("first", target="one", value=-1)
    correction = make_feedback("second", target="one", correction="Paris.", at=300.0)
    assert is_bad_by_id(rating, correction) == {"one": True}


def test_replies_that_never_train_do_not_count() -> None:
    assert is_bad_by_id(make_feedback(target="tool call", value=-1)) == {}


def test_replies_come_oldest_first() -> None:
    rated = [
        make_feedback(target, target=target, value=1, at=200.0 - number)
        for number, target in enumerate(("one", "two", "three"))
    ]
    assert list(is_bad_by_id(*rated)) == ["one", "two", "three"]
