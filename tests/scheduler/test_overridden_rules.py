"""Which rules a version was taught, and when the base answers in its place."""

import pytest

from adapters_store.records import AdapterVersion
from feedback.rules.rule import Rule
from scheduler.version_report import set_aside, taught_rules
from tests.adapters_store.make import make_version

LOWER = Rule("case", "lower")


@pytest.fixture
def version() -> AdapterVersion:
    return make_version(report={"rule_values": [["case", "lower"]]})


def test_the_rules_that_a_version_was_taught_are_read_from_its_report(
    version: AdapterVersion,
) -> None:
    assert taught_rules(version.report) == (LOWER,)
    assert taught_rules({}) == ()


def test_a_prompt_sets_aside_the_rules_that_it_rules_out(version: AdapterVersion) -> None:
    assert set_aside(version, "Write STOP in capital letters.") == (LOWER,)
    assert set_aside(version, "What is tea?") == ()


def test_where_there_is_no_version_there_is_nothing_to_set_aside() -> None:
    assert set_aside(None, "Write STOP in capital letters.") == ()
