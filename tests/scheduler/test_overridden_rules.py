"""The rules that a version was taught, and the prompts that override them."""

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


def test_a_prompt_overrides_only_the_rules_it_contradicts(version: AdapterVersion) -> None:
    assert overridden_rules(version, "Write STOP in capital letters.") == (LOWER,)
    assert overridden_rules(version, "What is tea?") == ()


def test_without_a_version_no_rule_is_overridden() -> None:
    assert overridden_rules(None, "Write STOP in capital letters.") == ()
