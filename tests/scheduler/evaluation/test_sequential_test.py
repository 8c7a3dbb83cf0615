"""A version is rolled back rarely by chance, and soon if its replies got worse."""

from functools import cache
from math import exp
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.evaluation.sequential_test import LEVEL, RatingCounts, log_evidence, why_roll_back

PEOPLE = 200


@st.composite
def counts(draw: st.DrawFn, most: int = 60) -> RatingCounts:
    """Ratings of some replies."""
    rated = draw(st.integers(0, most))
    return RatingCounts(draw(st.integers(0, rated)), rated)


@cache
def is_rolled_back(since: RatingCounts, before: RatingCounts) -> bool:
    """The decision, cached: simulated people meet the same numbers again and again."""
    return why_roll_back(since, before) is not None


def rolled_back(before: float, since: float, *, history: int, ratings: int) -> float:
    """The share of simulated people who are ever rolled back, tested after every rating.

    `before` and `since` are the chances that a reply is rated bad.
    """
    chance = Random(f"{before} {since} {history} {ratings}")

    def is_ever_rolled_back() -> bool:
        earlier = RatingCounts(sum(chance.random() < before for _ in range(history)), history)
        bad = 0
        for rated in range(1, ratings + 1):
            bad += chance.random() < since
            if is_rolled_back(RatingCounts(bad, rated), earlier):
                return True
        return False

    return sum(is_ever_rolled_back() for _ in range(PEOPLE)) / PEOPLE


@pytest.mark.parametrize("history", [3, 10, 50])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_a_version_that_is_no_worse_is_rarely_rolled_back(share: float, history: int) -> None:
    assert rolled_back(share, share, history=history, ratings=40) <= LEVEL


def test_a_version_that_is_better_is_hardly_ever_rolled_back() -> None:
    assert rolled_back(0.5, 0.3, history=20, ratings=60) <= LEVEL / 5


@pytest.mark.parametrize(
    ("before", "since", "history", "ratings"),
    [(0.2, 0.9, 20, 10), (0.2, 0.6, 50, 20), (0.1, 0.6, 20, 20)],
)
def test_most_versions_that_are_much_worse_are_found_soon(
    before: float, since: float, history: int, ratings: int
) -> None:
    assert rolled_back(before, since, history=history, ratings=ratings) >= 0.7


def test_a_doubled_share_is_found_in_time() -> None:
    few = rolled_back(0.2, 0.4, history=50, ratings=20)
    assert few < rolled_back(0.2, 0.4, history=50, ratings=100)


def test_the_reason_has_the_numbers() -> None:
    assert why_roll_back(RatingCounts(6, 7), RatingCounts(6, 30)) == (
        "rolled back automatically: 6 of 7 rated replies were bad, 20 % of 30 before"
    )


def test_two_bad_ratings_are_not_enough() -> None:
    assert why_roll_back(RatingCounts(2, 2), RatingCounts(0, 100)) is None
    assert why_roll_back(RatingCounts(3, 3), RatingCounts(0, 100)) is not None


@given(counts())
def test_without_ratings_there_is_no_evidence(before: RatingCounts) -> None:
    assert log_evidence(RatingCounts(0, 0), before) == pytest.approx(0.0, abs=1e-9)


@given(counts(most=200))
def test_without_history_nothing_is_rolled_back(since: RatingCounts) -> None:
    assert why_roll_back(since, RatingCounts(0, 0)) is None


@given(counts(), counts())
def test_the_evidence_is_a_martingale(since: RatingCounts, before: RatingCounts) -> None:
    """Under "as many as before", the next rating does not change it on average."""
    good = log_evidence(RatingCounts(since.bad, since.rated + 1), before)
    bad = log_evidence(RatingCounts(since.bad + 1, since.rated + 1), before)
    seen = RatingCounts(since.bad + before.bad, since.rated + before.rated)
    chance = (seen.bad + 1) / (seen.rated + 2)  # Laplace's rule of succession
    now = log_evidence(since, before)
    assert chance * exp(bad - now) + (1 - chance) * exp(good - now) == pytest.approx(1.0)


@given(counts(), counts())
def test_a_bad_rating_is_more_evidence_than_a_good_one(
    since: RatingCounts, before: RatingCounts
) -> None:
    good = log_evidence(RatingCounts(since.bad, since.rated + 1), before)
    assert good < log_evidence(RatingCounts(since.bad + 1, since.rated + 1), before)
