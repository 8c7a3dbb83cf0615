"""Which replies a user was content with, by what was judged of each."""

import pytest

from feedback.judged_replies import rated_replies
from feedback.records import Feedback
from tests.feedback.make import make_feedback, make_interaction

REPLY = "The capital of France is Paris."
TURNS = [
    make_interaction("one", adapter="base"),
    make_interaction("two", adapter="v1", created_at=101.0),
    make_interaction("three", adapter="v1", created_at=102.0),
    make_interaction("cut off", adapter="v1", finish_reasons=("tool_calls",)),
]


def verdicts(*feedback: Feedback) -> dict[str, bool]:
    """Whether each judged reply was bad."""
    return {each.interaction.id: each.is_bad for each in rated_replies(TURNS, feedback)}


@pytest.mark.parametrize(("value", "is_bad"), [(1, False), (-1, True)])
def test_a_thumb_decides(value: int, is_bad: bool) -> None:
    assert verdicts(make_feedback(target="one", value=value)) == {"one": is_bad}


def test_a_correction_that_replaces_the_reply_is_bad() -> None:
    assert verdicts(make_feedback(target="one", correction="Paris.")) == {"one": True}


def test_a_correction_that_keeps_most_of_the_reply_says_nothing() -> None:
    assert verdicts(make_feedback(target="one", correction=REPLY.lower())) == {}


def test_a_thumb_beside_a_correction_decides() -> None:
    assert verdicts(make_feedback(target="one", value=1, correction="Paris.")) == {"one": False}


def test_a_comment_alone_says_nothing() -> None:
    assert verdicts(make_feedback(target="one", comment="Too long.")) == {}


def test_a_choice_is_good_for_the_winner_and_bad_for_the_loser() -> None:
    chosen = make_feedback(target="one", preferred_over="two")
    assert verdicts(chosen) == {"one": False, "two": True}


def test_a_choice_between_replies_of_one_version_says_nothing() -> None:
    assert verdicts(make_feedback(target="two", preferred_over="three")) == {}


def test_the_newest_judgement_of_a_reply_wins() -> None:
    liked = make_feedback("first", target="two", value=1)
    lost = make_feedback("second", target="one", preferred_over="two", at=300.0)
    assert verdicts(liked, lost) == {"one": False, "two": True}
    liked_again = make_feedback("first", target="two", value=1, at=400.0)
    assert verdicts(liked_again, lost) == {"one": False, "two": False}


def test_a_reply_counts_once() -> None:
    thumb = make_feedback("first", target="one", value=-1)
    correction = make_feedback("second", target="one", correction="Paris.", at=300.0)
    assert verdicts(thumb, correction) == {"one": True}


def test_what_is_never_learned_from_does_not_count() -> None:
    assert verdicts(make_feedback(target="cut off", value=-1)) == {}


def test_replies_come_oldest_first() -> None:
    rated = [
        make_feedback(target, target=target, value=1, at=200.0 - number)
        for number, target in enumerate(("one", "two", "three"))
    ]
    assert list(verdicts(*rated)) == ["one", "two", "three"]
