"""The table of promoted adapters for docs/benchmarks.md. Pure."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from scheduler.records import GateConfig, Outcome
from tests.benchmarks.gate.kinds import KINDS, Group
from tests.benchmarks.gate.measures import Shown, shown_measures
from tests.benchmarks.gate.plan import SEEDS, GateResult
from tests.benchmarks.learning.tally import Tally
from tests.benchmarks.report import markdown_table

NOT_MEASURED = "–"
WANTED = {Group.NULL: "≤ 0.05", Group.HARMFUL: "0", Group.GOOD: ""}


def report(results: Iterable[GateResult], gate: GateConfig) -> str:
    """The figures, a line for every kind, and the remarks, for every number of feedback items."""
    known = sorted(results, key=lambda each: each.measured_at)
    sizes = sorted({each.piece.num_feedback for each in known})
    parts = [_of_size(size, of_size(known, size), gate) for size in sizes]
    first, last = known[0].measured_at[:10], known[-1].measured_at[:10]
    return "\n\n".join([f"Measured from {first} to {last}.", *parts])


def of_size(results: Iterable[GateResult], num_feedback: int) -> list[GateResult]:
    """The adapters that have so many items of feedback."""
    return [each for each in results if each.piece.num_feedback == num_feedback]


def decided(results: Iterable[GateResult], group: Group) -> list[GateResult]:
    """The adapters of a group that the gate decided on.

    Without those whose training failed, or whose examples were all rejected.
    """
    return [each for each in results if each.piece.group is group and _has_verdict(each)]


def is_promoted(result: GateResult) -> bool:
    """Whether it was promoted."""
    return result.run.status == "promoted"


def _of_size(size: int, results: Sequence[GateResult], gate: GateConfig) -> str:
    parts = [
        f"With {size} items of feedback each:",
        _figures(results),
        _kinds(results, gate),
        _remarks(results),
    ]
    return "\n\n".join(filter(None, parts))


def _figures(results: Sequence[GateResult]) -> str:
    rows = []
    for group in Group:
        own = decided(results, group)
        planned = SEEDS[group] * sum(kind.group is group for kind in KINDS.values())
        name = f"{group} adapters promoted, of the {len(own)} of {planned} that the gate decided on"
        rows.append((name, _share(own, is_promoted), WANTED[group]))
    significant = _share(decided(results, Group.NULL), _is_significant)
    rows.insert(1, ("null adapters that were called significant", significant, ""))
    return markdown_table(["figure", "measured", "wanted"], rows)


def _kinds(results: Sequence[GateResult], gate: GateConfig) -> str:
    shown = shown_measures(gate)
    heading = ["adapters", "promoted", "significant", *(measure.name for measure in shown)]
    rows = [["**bound**", "", "", *(f"{measure.bound:g}" for measure in shown)]]
    for group in Group:
        own = decided(results, group)
        if own:
            rows.append(_row(f"**{group}**", own, shown))
        for name in KINDS:
            of_kind = [each for each in own if each.piece.kind == name]
            if of_kind:
                rows.append(_row(name, of_kind, shown))
    return markdown_table(heading, rows)


def _row(name: str, results: Sequence[GateResult], shown: Sequence[Shown]) -> list[str]:
    counts = [
        f"{sum(map(has, results))} of {len(results)}" for has in (is_promoted, _is_significant)
    ]
    return [name, *counts, *(_range(measure, results) for measure in shown)]


def _range(measure: Shown, results: Sequence[GateResult]) -> str:
    """The median and the range."""
    values = sorted(value for _, value in measure.values(results))
    if not values:
        return NOT_MEASURED
    middle = f"{median(values):.2f}"
    return middle if len(values) == 1 else f"{middle} ({values[0]:.2f} to {values[-1]:.2f})"


def _remarks(results: Sequence[GateResult]) -> str:
    """Promoted harmful adapters, refused good ones, and those that never reached the gate."""
    lines = []
    for each in results:
        piece, run = each.piece, each.run
        is_wrong = piece.group is not Group.NULL and is_promoted(each) is (
            piece.group is Group.HARMFUL
        )
        if is_wrong or not _has_verdict(each):
            lines.append(f"- {piece.kind}, {piece.seed}: {run.status}. {run.reason}")
        if run.num_feedback < piece.num_feedback:
            lines.append(f"- {piece.kind}, {piece.seed}: only {run.num_feedback} could be given.")
    return "\n".join(lines)


def _share(results: Sequence[GateResult], has: Callable[[GateResult], bool]) -> str:
    tally = Tally.of(map(has, results))
    return str(tally) if tally.total else NOT_MEASURED


def _has_verdict(result: GateResult) -> bool:
    return "verdict" in result.run.report


def _is_significant(result: GateResult) -> bool:
    verdict = result.run.report.get("verdict", {})
    return is_promoted(result) and verdict.get("outcome") == Outcome.SIGNIFICANT
