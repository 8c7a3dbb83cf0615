"""Draws every adapter's value of each of the gate's measures."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scheduler.records import GateConfig
from tests.benchmarks.gate.kinds import Group
from tests.benchmarks.gate.measures import Shown, shown_measures
from tests.benchmarks.gate.plan import GateResult
from tests.benchmarks.gate.table import decided, is_promoted

COLOURS = {Group.NULL: "tab:gray", Group.HARMFUL: "tab:red", Group.GOOD: "tab:green"}
SPREAD = 0.6
LEAST = 1e-3  # a logarithm has no zero


def draw(results: Sequence[GateResult], gate: GateConfig, path: Path) -> None:
    """Write an SVG: a strip per measure and group, promoted adapters filled, bounds dashed."""
    shown = shown_measures(gate)
    figure = Figure(figsize=(2.4 * len(shown), 3.4), layout="constrained")
    for axes, measure in zip(figure.subplots(1, len(shown)), shown, strict=True):
        _strips(axes, measure, results)
    # The same adapters give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "loralei"}):
        figure.savefig(path, metadata={"Date": None})


def _strips(axes: Axes, measure: Shown, results: Sequence[GateResult]) -> None:
    labels = []
    for place, group in enumerate(Group):
        found = measure.values(decided(results, group))
        labels.append(f"{group}\n{len(found)}")
        for number, (each, value) in enumerate(found):
            axes.plot(
                place + SPREAD * ((number + 0.5) / len(found) - 0.5),  # side by side
                max(value, LEAST) if measure.is_logarithmic else value,
                marker="o",
                markersize=4,
                color=COLOURS[group],
                fillstyle="full" if is_promoted(each) else "none",
            )
    axes.axhline(measure.bound, linestyle="--", linewidth=0.8, color="black")
    axes.set_xticks(range(len(labels)), labels)
    axes.set(title=measure.name, yscale="log" if measure.is_logarithmic else "linear")
