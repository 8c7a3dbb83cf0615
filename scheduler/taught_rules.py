"""Which rules a version was taught, and which of them a prompt rules out. Pure."""

from collections.abc import Mapping
from typing import Any

from adapters_store.records import AdapterVersion
from feedback.rules.overrides import ruled_out
from feedback.rules.rule import Rule


def taught_rules(report: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules that stood when a version was fitted, as its report, or its run's, has them."""
    return tuple(Rule(*each) for each in report.get("rule_values", ()))


def set_aside(version: AdapterVersion | None, prompt: str) -> tuple[Rule, ...]:
    """The rules of a version that a prompt rules out. Where there are any, the base answers: small
    models do not learn from examples when to leave a habit."""
    return () if version is None else ruled_out(taught_rules(version.report), prompt)
