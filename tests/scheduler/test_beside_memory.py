"""When what a version learned leaves the prompt."""

import pytest

from scheduler.beside_memory import does_without_memory, gain_of_memory
from scheduler.records import Outcome
from tests.adapters_store.make import make_version
from tests.scheduler.evaluations import good


@pytest.mark.parametrize(
    ("beside", "gain"), [(None, None), (3, -0.5), (9, 0.0), (12, 0.25)], ids=str
)
def test_the_gain_is_a_difference_of_shares(beside: int | None, gain: float | None) -> None:
    assert gain_of_memory(good(tried=12, tried_kept=9, tried_kept_beside=beside)) == gain


@pytest.mark.parametrize(
    ("outcome", "gain", "leaves"),
    [
        (Outcome.PROVEN, None, True),
        (Outcome.PROVEN, 0.2, True),
        (Outcome.PROVEN, 0.25, False),
        (Outcome.PROVISIONAL, None, False),
        (Outcome.PROVISIONAL, -0.2, False),
        (Outcome.PROVISIONAL, -0.25, True),
    ],
)
def test_memory_goes_where_a_gain_is_proven_or_it_clearly_spoils_the_replies(
    outcome: Outcome, gain: float | None, leaves: bool
) -> None:
    report = {"verdict": {"outcome": outcome}, "memory_gain": gain}
    assert does_without_memory(make_version(report=report)) is leaves
