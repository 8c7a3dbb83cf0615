"""When memory stops showing what a version learned."""

import pytest

from scheduler.records import Outcome
from scheduler.version_report import read_report, report_of
from tests.adapters_store.make import make_version


@pytest.mark.parametrize(
    ("probes", "compliance", "with_few_shot", "outcome", "replaces"),
    [
        (0, 0, None, Outcome.SIGNIFICANT, False),
        (0, 0, None, Outcome.PROVISIONAL, False),
        (12, 9, None, Outcome.PROVISIONAL, False),
        (12, 6, 5, Outcome.PROVISIONAL, True),
        (12, 6, 6, Outcome.PROVISIONAL, True),
        (12, 6, 7, Outcome.PROVISIONAL, False),
        (12, 6, 7, Outcome.SIGNIFICANT, False),
    ],
)
def test_memory_gives_way_only_to_replies_that_comply_as_often_without_it(
    probes: int, compliance: int, with_few_shot: int | None, outcome: Outcome, replaces: bool
) -> None:
    evaluation = {
        "num_probes": probes,
        "compliance": compliance,
        "compliance_with_few_shot": with_few_shot,
    }
    report = {"evaluation": evaluation, "verdict": {"outcome": outcome}}
    assert report_of(make_version(report=report)).replaces_memory is replaces


def test_memory_stays_with_an_imported_version() -> None:
    assert not report_of(make_version(report={})).replaces_memory


@pytest.mark.parametrize("gone", [["smell", "roses"], ["hedging", "always"]])
def test_a_report_stays_readable_after_a_rule_is_gone(gone: list[str]) -> None:
    earlier = read_report({"rule_values": [gone, ["case", "lower"]]})
    names = [{"attribute": name, "value": value} for name, value in (gone, ["case", "lower"])]
    assert earlier == read_report({"rules": names})
    assert [rule["value"] for rule in earlier.to_json()["rules"]] == ["lower"]
