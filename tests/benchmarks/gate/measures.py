"""The gate's measures, from a run's report. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scheduler.records import GateConfig
from tests.benchmarks.gate.plan import GateResult

Evaluation = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of a candidate, and the gate's bound for it.

    `read` gives None if it was not measured: a candidate that is refused for its losses or its
    drift is not asked.
    """

    name: str
    read: Callable[[Evaluation], float | None]
    bound: float
    is_logarithmic: bool = False

    def values(self, results: Sequence[GateResult]) -> list[tuple[GateResult, float]]:
        """The candidates for which it was measured."""
        read = [(each, self.read(each.run.report.get("evaluation", {}))) for each in results]
        return [(each, value) for each, value in read if value is not None]


def measures(gate: GateConfig) -> tuple[Measure, ...]:
    """The measures of every candidate. Shares of replies are less the base's."""
    return (
        Measure("KL, nats per token", _drift, gate.max_reference_kl, is_logarithmic=True),
        Measure("loops", _increase("repetition"), gate.max_repetition_increase),
        Measure("collapse", _increase("collapse"), gate.max_collapse_increase),
        Measure("echo", _increase("echo"), gate.max_echo_increase),
        Measure("empty", _increase("empty"), gate.max_empty_increase),
        Measure("held-out wins", _won("held_out_wins"), 0.5),
        Measure("held-out wins, by sum", _won("held_out_wins_by_sum"), 0.5),
    )


def _drift(evaluation: Evaluation) -> float | None:
    return evaluation.get("reference_kl")


def _increase(fault: str) -> Callable[[Evaluation], float | None]:
    def read(evaluation: Evaluation) -> float | None:
        base, candidate = (evaluation.get(f"{fault}_{who}") for who in ("base", "candidate"))
        return None if base is None or candidate is None else candidate - base

    return read


def _won(wins: str) -> Callable[[Evaluation], float | None]:
    def read(evaluation: Evaluation) -> float | None:
        count = evaluation.get(wins)
        compared = evaluation.get("held_out_comparisons", evaluation.get("held_out_examples"))
        return count / compared if compared and count is not None else None

    return read
