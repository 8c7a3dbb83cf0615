"""Whether a version does better with what it learned in its prompt, too, or without. Pure."""

from adapters_store.records import AdapterVersion
from scheduler.records import Evaluation, Outcome

CLEAR = 0.25
"""A difference between two shares of a dozen replies that chance seldom makes."""


def gain_of_memory(evaluation: Evaluation) -> float | None:
    """By how much a larger share of the tried replies keeps the rules with memory, -1..1; None
    where that was not tried."""
    if evaluation.tried_kept_beside is None:
        return None
    return (evaluation.tried_kept_beside - evaluation.tried_kept) / evaluation.tried


def does_without_memory(version: AdapterVersion) -> bool:
    """Whether what a version learned leaves the prompt: where memory clearly spoils its replies,
    and where it proved what it learned, unless memory clearly helps it."""
    gain: float = version.report.get("memory_gain") or 0.0
    if abs(gain) >= CLEAR:
        return gain < 0
    outcome: str | None = version.report.get("verdict", {}).get("outcome")
    return outcome == Outcome.PROVEN
