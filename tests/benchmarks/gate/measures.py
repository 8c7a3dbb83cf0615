"""The gate's measures, from a run's report. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.records import GateConfig
from tests.benchmarks.gate.plan import GateResult

MOST_LOST = -3
"""Plain questions, if none is gained."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A measure of the gate by its name, in a column; the bound is drawn.

    Less the base's number if it `is_increase`, or as a share of its `n`.
    """

    name: str
    bound: float
    is_increase: bool = False
    is_share: bool = False
    is_logarithmic: bool = False

    def values(self, results: Sequence[GateResult]) -> list[tuple[GateResult, float]]:
        """The candidates for which it was measured.

        A candidate that is refused for its losses or its drift is not asked.
        """
        read = [(each, self._read(each)) for each in results]
        return [(each, value) for each, value in read if value is not None]

    def _read(self, result: GateResult) -> float | None:
        measures = result.run.report.get("verdict", {}).get("measures", ())
        found = next((each for each in measures if each["name"] == self.name), None)
        if found is None or (self.is_share and not found["n"]):
            return None
        value: float = found["candidate"]
        if self.is_share:
            return value / float(found["n"])
        return value - float(found["base"]) if self.is_increase else value


def shown_measures(gate: GateConfig) -> tuple[Shown, ...]:
    """The measures of every candidate."""
    return (
        Shown("drift", gate.max_reference_kl, is_logarithmic=True),
        Shown("degeneration", gate.max_faulty_increase, is_increase=True),
        Shown("plain questions", MOST_LOST, is_increase=True),
        Shown("held-out wins", 0.5, is_share=True),
        Shown("compliance", 0.5, is_share=True),
    )
