"""When a version is rolled back by itself: rarely by chance, soon when its replies got worse."""

from functools import cache
from math import exp
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.evaluation.sequential_test import LEVEL, RatingCounts, log_evidence, why_roll_back

PEOPLE = 200


@st.composite
def tallies(draw: st.DrawFn, most: int = 60) -> RatingCounts:
    """How a number of replies was judged."""
    judged = draw(st.integers(0, most))
    return RatingCounts(draw(st.integers(0, judged)), judged)


@cache
def is_rolled_back(since: RatingCounts, before: RatingCounts) -> bool:
    """The decision; simulated people meet the same numbers again and again."""
    return why_roll_back(since, before) is not None


def rolled_back(before: float, since: float, *, history: int, judgements: int) -> float:
    """The share of simulated people who are ever rolled back, looked at after every judgement.

    `before` and `since` are the chances that a reply is judged bad.
    """
    chance = Random(f"{before} {since} {history} {judgements}")

    def is_ever_rolled_back() -> bool:
        earlier = RatingCounts(sum(chance.random() < before for _ in range(history)), history)
        bad = 0
        for judged in range(1, judgements + 1):
            bad += chance.random() < since
            if is_rolled_back(RatingCounts(bad, judged), earlier):
                return True
        return False

    return sum(is_ever_rolled_back() for _ in range(PEOPLE)) / PEOPLE


@pytest.mark.parametrize("history", [3, 10, 50])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_a_version_that_is_no_worse_is_rarely_rolled_back(share: float, history: int) -> None:
    assert rolled_back(share, share, history=history, judgements=40) <= LEVEL


def test_a_version_that_is_better_is_hardly_ever_rolled_back() -> None:
    assert rolled_back(0.5, 0.3, history=20, judgements=60) <= LEVEL / 5


@pytest.mark.parametrize(
    ("before", "since", "history", "judgements"),
    [(0.2, 0.9, 20, 10), (0.2, 0.6, 50, 20), (0.1, 0.6, 20, 20)],
)
def test_most_versions_that_are_much_worse_are_found_soon(
    before: float, since: float, history: int, judgements: int
) -> None:
    assert rolled_back(before, since, history=history, judgements=judgements) >= 0.7


def test_a_doubled_share_is_found_by_and_by() -> None:
    few = rolled_back(0.2, 0.4, history=50, judgements=20)
    assert few < rolled_back(0.2, 0.4, history=50, judgements=100)


def test_the_reason_says_the_numbers() -> None:
    assert why_roll_back(RatingCounts(6, 7), RatingCounts(6, 30)) == (
        "rolled back by itself: 6 of 7 judgements of its replies were bad, 20 % of 30 before"
    )


def test_two_bad_judgements_are_no_reason_yet() -> None:
    assert why_roll_back(RatingCounts(2, 2), RatingCounts(0, 100)) is None
    assert why_roll_back(RatingCounts(3, 3), RatingCounts(0, 100)) is not None


@given(tallies())
def test_before_any_judgement_there_is_no_evidence(before: RatingCounts) -> None:
    assert log_evidence(RatingCounts(0, 0), before) == pytest.approx(0.0, abs=1e-9)


@given(tallies(most=200))
def test_without_history_nothing_is_rolled_back(since: RatingCounts) -> None:
    assert why_roll_back(since, RatingCounts(0, 0)) is None


@given(tallies(), tallies())
def test_the_evidence_is_a_martingale(since: RatingCounts, before: RatingCounts) -> None:
    """Under "as many as before", the next judgement changes it by nothing on average."""
    good = log_evidence(RatingCounts(since.bad, since.judged + 1), before)
    bad = log_evidence(RatingCounts(since.bad + 1, since.judged + 1), before)
    seen = RatingCounts(since.bad + before.bad, since.judged + before.judged)
    chance = (seen.bad + 1) / (seen.judged + 2)  # Laplace's rule of succession
    now = log_evidence(since, before)
    assert chance * exp(bad - now) + (1 - chance) * exp(good - now) == pytest.approx(1.0)


@given(tallies(), tallies())
def test_a_bad_judgement_speaks_against_a_version_more_than_a_good_one(
    since: RatingCounts, before: RatingCounts
) -> None:
    good = log_evidence(RatingCounts(since.bad, since.judged + 1), before)
    assert good < log_evidence(RatingCounts(since.bad + 1, since.judged + 1), before)
