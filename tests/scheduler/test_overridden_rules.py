"""Which rules a version was taught, and when the base answers in its place."""

import pytest

from adapters_store.records import AdapterVersion
from feedback.rules.rule import Rule
from scheduler.version_report import overridden_rules, read_report, report_of
from tests.adapters_store.make import make_version

LOWER = Rule("case", "lower")


@pytest.fixture
def version() -> AdapterVersion:
    return make_version(report={"rules": [{"attribute": "case", "value": "lower"}]})


def test_the_rules_that_a_version_was_taught_are_read_from_its_report(
    version: AdapterVersion,
) -> None:
    assert report_of(version).rules == (LOWER,)
    assert read_report({}).rules == ()


def test_a_prompt_sets_aside_the_rules_that_it_rules_out(version: AdapterVersion) -> None:
    assert overridden_rules(version, "Write STOP in capital letters.") == (LOWER,)
    assert overridden_rules(version, "What is tea?") == ()


def test_where_there_is_no_version_there_is_nothing_to_set_aside() -> None:
    assert overridden_rules(None, "Write STOP in capital letters.") == ()
