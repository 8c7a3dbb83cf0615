"""When what a version learned leaves the prompt."""

import pytest

from scheduler.records import Outcome
from scheduler.version_report import does_without_memory
from tests.adapters_store.make import make_version


@pytest.mark.parametrize(
    ("tried", "kept", "beside", "outcome", "leaves"),
    [
        (0, 0, None, Outcome.PROVEN, True),
        (0, 0, None, Outcome.PROVISIONAL, False),
        (12, 9, None, Outcome.PROVISIONAL, False),
        (12, 6, 5, Outcome.PROVISIONAL, True),
        (12, 6, 6, Outcome.PROVISIONAL, True),
        (12, 6, 7, Outcome.PROVISIONAL, False),
        (12, 6, 7, Outcome.PROVEN, False),
    ],
)
def test_memory_stays_where_the_replies_are_better_with_it_or_nothing_shows_that_they_are_not(
    tried: int, kept: int, beside: int | None, outcome: Outcome, leaves: bool
) -> None:
    evaluation = {"tried": tried, "tried_kept": kept, "tried_kept_beside": beside}
    report = {"evaluation": evaluation, "verdict": {"outcome": outcome}}
    assert does_without_memory(make_version(report=report)) is leaves


def test_beside_a_version_that_was_made_elsewhere_memory_stays() -> None:
    assert not does_without_memory(make_version(report={}))
