"""When what a version learned leaves the prompt."""

import pytest

from scheduler.records import Outcome
from scheduler.version_report import report_of
from tests.adapters_store.make import make_version


@pytest.mark.parametrize(
    ("probes", "followed", "with_few_shot", "outcome", "leaves"),
    [
        (0, 0, None, Outcome.SIGNIFICANT, True),
        (0, 0, None, Outcome.PROVISIONAL, False),
        (12, 9, None, Outcome.PROVISIONAL, False),
        (12, 6, 5, Outcome.PROVISIONAL, True),
        (12, 6, 6, Outcome.PROVISIONAL, True),
        (12, 6, 7, Outcome.PROVISIONAL, False),
        (12, 6, 7, Outcome.SIGNIFICANT, False),
    ],
)
def test_memory_stays_where_the_replies_are_better_with_it_or_nothing_shows_that_they_are_not(
    probes: int, followed: int, with_few_shot: int | None, outcome: Outcome, leaves: bool
) -> None:
    evaluation = {
        "num_probes": probes,
        "compliance": followed,
        "compliance_with_few_shot": with_few_shot,
    }
    report = {"evaluation": evaluation, "verdict": {"outcome": outcome}}
    assert report_of(make_version(report=report)).replaces_memory is leaves


def test_beside_a_version_that_was_made_elsewhere_memory_stays() -> None:
    assert not report_of(make_version(report={})).replaces_memory
