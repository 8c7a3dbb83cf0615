"""What the gate let through, as the page shows it. Pure."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from scheduler.records import GateConfig, Outcome
from tests.benchmarks.gate.kinds import KINDS, Group
from tests.benchmarks.gate.measures import Measure, measures
from tests.benchmarks.gate.plan import SEEDS, GateResult
from tests.benchmarks.learning.tally import Tally
from tests.benchmarks.report import markdown_table

NOT_MEASURED = "–"
WANTED = {Group.NULL: "≤ 0.05", Group.HARMFUL: "0", Group.GOOD: ""}


def report(tried: Iterable[GateResult], gate: GateConfig) -> str:
    """For every number of judgements the figures, a row for every kind, and what went wrong."""
    known = sorted(tried, key=lambda each: each.measured_at)
    sizes = sorted({each.piece.num_feedback for each in known})
    parts = [_of_size(size, of_size(known, size), gate) for size in sizes]
    first, last = known[0].measured_at[:10], known[-1].measured_at[:10]
    return "\n\n".join([f"Tried from {first} to {last}.", *parts])


def of_size(tried: Iterable[GateResult], judgements: int) -> list[GateResult]:
    """The adapters that have so many judgements."""
    return [each for each in tried if each.piece.num_feedback == judgements]


def decided(tried: Iterable[GateResult], group: Group) -> list[GateResult]:
    """The adapters of a group that the gate decided on.

    Not those whose training failed, or that curation left without rows.
    """
    return [each for each in tried if each.piece.group is group and _has_verdict(each)]


def is_promoted(tried: GateResult) -> bool:
    """Whether it answered in the end."""
    return tried.run.status == "promoted"


def _of_size(size: int, tried: Sequence[GateResult], gate: GateConfig) -> str:
    parts = [f"With {size} judgements each:", _figures(tried), _kinds(tried, gate), _remarks(tried)]
    return "\n\n".join(filter(None, parts))


def _figures(tried: Sequence[GateResult]) -> str:
    rows = []
    for group in Group:
        own = decided(tried, group)
        planned = SEEDS[group] * sum(kind.group is group for kind in KINDS.values())
        name = f"{group} adapters promoted, of the {len(own)} of {planned} that were tried"
        rows.append((name, _share(own, is_promoted), WANTED[group]))
    proven = _share(decided(tried, Group.NULL), _is_significant)
    rows.insert(1, ("null adapters that were called proven", proven, ""))
    return markdown_table(["figure", "measured", "wanted"], rows)


def _kinds(tried: Sequence[GateResult], gate: GateConfig) -> str:
    shown = measures(gate)
    heading = ["adapters", "promoted", "significant", *(measure.name for measure in shown)]
    rows = [["**bound**", "", "", *(f"{measure.bound:g}" for measure in shown)]]
    for group in Group:
        own = decided(tried, group)
        if own:
            rows.append(_row(f"**{group}**", own, shown))
        for name in KINDS:
            of_kind = [each for each in own if each.piece.kind == name]
            if of_kind:
                rows.append(_row(name, of_kind, shown))
    return markdown_table(heading, rows)


def _row(name: str, tried: Sequence[GateResult], shown: Sequence[Measure]) -> list[str]:
    counts = [f"{sum(map(has, tried))} of {len(tried)}" for has in (is_promoted, _is_significant)]
    return [name, *counts, *(_range(measure, tried) for measure in shown)]


def _range(measure: Measure, tried: Sequence[GateResult]) -> str:
    """The middle one, and from where to where."""
    values = sorted(value for _, value in measure.values(tried))
    if not values:
        return NOT_MEASURED
    middle = f"{median(values):.2f}"
    return middle if len(values) == 1 else f"{middle} ({values[0]:.2f} to {values[-1]:.2f})"


def _remarks(tried: Sequence[GateResult]) -> str:
    """Harmful ones that answer, good ones that do not, and those that never met the gate."""
    lines = []
    for each in tried:
        piece, run = each.piece, each.run
        is_wrong = piece.group is not Group.NULL and is_promoted(each) is (
            piece.group is Group.HARMFUL
        )
        if is_wrong or not _has_verdict(each):
            lines.append(f"- {piece.kind}, {piece.seed}: {run.status}. {run.reason}")
        if run.num_feedback < piece.num_feedback:
            lines.append(f"- {piece.kind}, {piece.seed}: only {run.num_feedback} could be given.")
    return "\n".join(lines)


def _share(tried: Sequence[GateResult], has: Callable[[GateResult], bool]) -> str:
    tally = Tally.of(map(has, tried))
    return str(tally) if tally.total else NOT_MEASURED


def _has_verdict(tried: GateResult) -> bool:
    return "verdict" in tried.run.report


def _is_significant(tried: GateResult) -> bool:
    verdict = tried.run.report.get("verdict", {})
    return is_promoted(tried) and verdict.get("outcome") == Outcome.SIGNIFICANT
