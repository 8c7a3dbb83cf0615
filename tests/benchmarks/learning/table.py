"""The tables of learning for docs/benchmarks.md. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

from tests.benchmarks.learning.figures import alike, broken, compliance, leaks, runs, total
from tests.benchmarks.learning.personas import Persona
from tests.benchmarks.learning.plan import NOTHING, RATINGS, Plan
from tests.benchmarks.learning.results import Arm, Point, Results
from tests.benchmarks.learning.tally import Tally
from tests.benchmarks.report import markdown_table

WANTED = {Point(1): "≥ 0.60", Point(5): "≥ 0.90", Point(20): "≥ 0.95"}
TIMED, COMPARED = Point(5), Point(20)
NOT_MEASURED = "–"


@dataclass(frozen=True, slots=True)
class Table:
    """The tables of a plan's finished measurements."""

    plan: Plan
    results: Results

    def figures(self) -> str:
        """The figures that have a target."""
        tuned = [each for each in self.plan.personas if not each.held_out]
        held_out = [each for each in self.plan.personas if each.held_out]
        points = [point for point in self.plan.points if point in WANTED]
        rows = []
        for point in points:
            for group, of in (("", tuned), (", held-out personas", held_out)):
                name = f"compliance after {point}, memory and weights{group}"
                rows.append((name, _shown(self.mean(of, point, Arm.BOTH)), WANTED[point]))
        rows += self._ratings() if RATINGS in self.plan.points else []
        rows += [self._against_memory(), self._time()]
        rows += [
            self._leaks(points),
            (*self._worse("repetitive, empty or unfinished replies", broken, points), "≤ +1 point"),
            (*self._worse("replies that mostly repeat other replies", alike, points), ""),
        ]
        return markdown_table(["figure", "measured", "wanted"], rows)

    def personas(self) -> str:
        """A line for every persona, and the means."""
        points = self.plan.points
        heading = ["persona", "base", *(f"{point}: memory, weights, both" for point in points)]
        rows = []
        for persona in self.plan.personas:
            mark = " (held out)" if persona.held_out else ""
            rows.append([f"{persona.name}{mark}: {persona.wish}", *self._cells([persona])])
        for name, is_held_out in (("mean", False), ("mean, held out", True)):
            group = [each for each in self.plan.personas if each.held_out is is_held_out]
            rows += [[name, *self._cells(group)]] if group else []
        return markdown_table(heading, rows)

    def remarks(self) -> str:
        """Trainings without a promotion, and prompts that ran out."""
        lines = []
        for persona in self.plan.personas:
            for point in self.plan.points:
                for seed, run in runs(self.results, persona, self._seeds, point):
                    where = f"- {persona.name}, seed {seed}, {point}"
                    if run.status != "promoted":
                        lines.append(f"{where}: {run.status}. {run.reason}")
                    if run.num_feedback < (point.ratings or point.corrections):
                        lines.append(f"{where}: only {run.num_feedback} could be given.")
        return "\n".join(lines)

    def mean(self, personas: Sequence[Persona], point: Point, arm: Arm) -> Tally:
        """The compliance of some personas together."""
        return total(compliance(self.results, each, self._seeds, point, arm) for each in personas)

    @property
    def _seeds(self) -> range:
        return range(self.plan.seeds)

    def _cells(self, personas: Sequence[Persona]) -> list[str]:
        cells = [f"{self.mean(personas, NOTHING, Arm.BASE).share:.2f}"]
        for point in self.plan.points:
            arms = [self.mean(personas, point, arm) for arm in (Arm.MEMORY, Arm.WEIGHTS, Arm.BOTH)]
            shown = ", ".join(f"{each.share:.2f}" for each in arms)
            cells.append(shown if any(each.total for each in arms) else NOT_MEASURED)
        return cells

    def _ratings(self) -> list[tuple[str, str, str]]:
        useful = [
            (persona, seed)
            for persona in self.plan.personas
            for seed, _ in runs(self.results, persona, self._seeds, RATINGS)
        ]
        before, after = (
            total(compliance(self.results, persona, [seed], point, arm) for persona, seed in useful)
            for point, arm in ((NOTHING, Arm.BASE), (RATINGS, Arm.BOTH))
        )
        gain = f"{after.share - before.share:+.2f}" if useful else NOT_MEASURED
        return [
            (f"compliance after {RATINGS} and no correction", _shown(after), "≥ 0.75"),
            ("the same − base", gain, "≥ 0.25"),
        ]

    def _against_memory(self) -> tuple[str, str, str]:
        ratios: dict[str, float] = {}
        for persona in self.plan.personas:
            promoted = [
                seed
                for seed, run in runs(self.results, persona, self._seeds, COMPARED)
                if run.status == "promoted"
            ]
            if promoted:
                weights, memory = (
                    compliance(self.results, persona, promoted, COMPARED, arm).share
                    for arm in (Arm.WEIGHTS, Arm.MEMORY)
                )
                ratios[persona.name] = weights / memory if memory else inf if weights else 0.0
        better = sum(ratio > 1 for ratio in ratios.values())
        lowest = min(ratios, key=ratios.__getitem__, default="")
        measured = (
            f"{better} of {len(ratios)}, lowest {ratios[lowest]:.2f} ({lowest})"
            if ratios
            else NOT_MEASURED
        )
        name = f"personas whose promoted adapter alone ÷ memory alone, after {COMPARED}, is above 1"
        return name, measured, "all"

    def _time(self) -> tuple[str, str, str]:
        seconds = [
            run.seconds
            for persona in self.plan.personas
            for _, run in runs(self.results, persona, self._seeds, TIMED)
            if run.status == "promoted"
        ]
        measured = (
            f"median {median(seconds):.0f} s, longest {max(seconds):.0f} s (n = {len(seconds)})"
            if seconds
            else NOT_MEASURED
        )
        return f"{TIMED} → promoted", measured, "≤ 45 s"

    def _leaks(self, points: Sequence[Point]) -> tuple[str, str, str]:
        found = total(
            leaks(self.results, persona, self._seeds, point)
            for persona in self.plan.personas
            for point in points
        )
        return "leaking: the wish shows although the prompt overrides it", _shown(found), "≤ 0.10"

    def _worse(
        self, name: str, count: Callable[..., tuple[Tally, Tally]], points: Sequence[Point]
    ) -> tuple[str, str]:
        """How many more such replies the adapter with memory gives than the base."""
        pairs = [
            count(self.results, persona, self._seeds, point)
            for persona in self.plan.personas
            for point in points
        ]
        base, both = total(pair[0] for pair in pairs), total(pair[1] for pair in pairs)
        points_more = f"{100 * (both.share - base.share):+.1f} points"
        measured = f"{points_more} ({both.hits} − {base.hits} of {both.total})"
        return f"{name} − the base's", measured if both.total else NOT_MEASURED


def _shown(tally: Tally) -> str:
    return str(tally) if tally.total else NOT_MEASURED


def report(plan: Plan, results: Results) -> str:
    """Both tables and the remarks."""
    table = Table(plan, results)
    days = sorted(each.measured_at[:10] for each in results)
    return (
        f"{table.figures()}\n\n"
        f"Shares with 95 % intervals (Wilson 1927) over replies; those to one persona are not"
        f" independent of each other. The {plan.name} set, asked from {days[0]} to {days[-1]}:"
        f" personas {len(plan.personas)}, seeds {plan.seeds}, unseen prompts {plan.test_prompts},"
        f" tokens of a reply {plan.test_tokens} at most.\n\n"
        f"{table.personas()}\n\n{table.remarks()}"
    )
