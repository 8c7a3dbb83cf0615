"""Draws compliance against the number of corrections."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from tests.benchmarks.learning.plan import NOTHING, Plan
from tests.benchmarks.learning.results import Arm, Results
from tests.benchmarks.learning.table import Table

LABELS = {Arm.MEMORY: "memory alone", Arm.WEIGHTS: "adapter alone", Arm.BOTH: "both"}


def draw(plan: Plan, results: Results, path: Path) -> None:
    """Write an SVG: a line for each arm, with 95 % intervals, over all personas of the plan."""
    table = Table(plan, results)
    points = [NOTHING, *(point for point in plan.points if not point.ratings)]
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for offset, (arm, label) in enumerate(LABELS.items()):
        tallies = [
            table.mean(plan.personas, point, Arm.BASE if point == NOTHING else arm)
            for point in points
        ]
        shares = [tally.share for tally in tallies]
        axes.errorbar(
            [place + (offset - 1) * 0.05 for place in range(len(points))],  # side by side
            shares,
            yerr=(
                [each.share - each.interval[0] for each in tallies],
                [each.interval[1] - each.share for each in tallies],
            ),
            label=label,
            marker="o",
            capsize=3,
        )
    axes.set_xticks(range(len(points)), [str(point.corrections) for point in points])
    axes.set(xlabel="corrections", ylabel="replies as wanted", ylim=(0, 1.02))
    axes.legend()
    # The same measurements give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "loralei"}):
        figure.savefig(path, metadata={"Date": None})
