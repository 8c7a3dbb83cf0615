"""What a run's record says of curation: how many rows were kept and left out, and why."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters_store.records import AdapterVersion
from feedback.filters.records import Fate, LeftOut, tally
from feedback.rules.overrides import ruled_out
from feedback.rules.rule import Rule
from scheduler.records import Outcome


def curation_report(
    fates: Sequence[Fate], by_losses: Mapping[str, LeftOut] | None = None
) -> dict[str, Any]:
    """The counts, JSON-ready, with what nothing else remembers, by id.

    `by_losses` are the rows that only the training child could judge. `superseded` are those whose
    place a newer row took: who learned the newer one need not be told the older.
    """
    late = by_losses or {}
    early = [fate.left_out for fate in fates if fate.left_out is not None]
    listed = {name: {"reason": each.reason.value, "why": each.why} for name, each in late.items()}
    superseded = [fate.row.id for fate in fates if fate.left_out and fate.left_out.other]
    return {
        **tally(len(fates), [*early, *late.values()]),
        "by_losses": listed,
        "superseded": superseded,
    }


def taught_rules(report: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules that stood when a version was fitted, as its report, or its run's, has them."""
    return tuple(Rule(*each) for each in report.get("rule_values", ()))


def set_aside(version: AdapterVersion | None, prompt: str) -> tuple[Rule, ...]:
    """The rules of a version that a prompt rules out. Where there are any, the base answers: small
    models do not learn from examples when to leave a habit."""
    return () if version is None else ruled_out(taught_rules(version.report), prompt)


def does_without_memory(version: AdapterVersion) -> bool:
    """Whether what a version learned leaves the prompt.

    Where the user's rules told right from wrong replies: if memory made no more of them right.
    Elsewhere: if it proved what it learned.
    """
    evaluation = version.report.get("evaluation", {})
    beside: int | None = evaluation.get("tried_kept_beside")
    if beside is not None:
        return beside <= int(evaluation["tried_kept"])
    outcome: str | None = version.report.get("verdict", {}).get("outcome")
    return outcome == Outcome.PROVEN
