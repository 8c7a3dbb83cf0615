"""The measures of a candidate's replies, whatever taught it. Pure."""

from dataclasses import dataclass

from feedback.text.counts import count
from scheduler.measure import Measure
from scheduler.records import GateConfig

MAX_FAULTY_TEACHER = 0.3
"""How far the share of faulty replies with memory may exceed the base's: a teacher that says the
same to nearly everything is no excuse."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Counts:
    """A number for the base and for the candidate, and for both with the user's memory in the
    prompt, None if memory was not asked."""

    base: float
    candidate: float
    memory: float | None = None
    with_memory: float | None = None


def degeneration(found: Counts, n: int, config: GateConfig) -> Measure:
    """The share of replies with a fault, as `degeneration.share_of_faulty` counts them."""
    memory, worst = found.memory or 0.0, max(found.candidate, found.with_memory or 0.0)
    allowed = max(found.base, memory) + config.max_faulty_increase
    beside = "" if found.memory is None else f", with memory {memory:.0%}"
    return Measure(
        name="degeneration",
        candidate=worst,
        base=found.base,
        memory=found.memory,
        n=n,
        bound=allowed,
        is_met=worst <= allowed + _ROUNDING and memory <= found.base + MAX_FAULTY_TEACHER,
        sentence=(
            f"{worst:.0%} of its replies are empty, loop, echo the prompt or are all alike; of the"
            f" base {found.base:.0%}{beside}; at most {allowed:.0%} allowed."
        ),
    )


def plain_questions(found: Counts, n: int, config: GateConfig) -> tuple[Measure, ...]:
    """How many of `n` plain questions are answered, alone and with memory."""
    alone = _questions("plain questions", "It", found.candidate, "the base", found.base, n, config)
    if found.memory is None or found.with_memory is None:
        return (alone,)
    beside = _questions(
        "plain questions with memory",
        "With memory it",
        found.with_memory,
        "memory alone",
        found.memory,
        n,
        config,
    )
    return alone, beside


def _questions(
    name: str, who: str, own: float, whom: str, other: float, n: int, config: GateConfig
) -> Measure:
    bound = other - config.max_questions_lost
    is_with_memory = who != "It"
    return Measure(
        name=name,
        candidate=own,
        base=None if is_with_memory else other,
        memory=other if is_with_memory else None,
        n=n,
        bound=bound,
        is_met=own >= bound,
        sentence=(
            f"{who} answers {own:.0f} of {count(n, 'plain question')} right, {whom} {other:.0f};"
            f" at least {max(bound, 0):.0f} needed."
        ),
    )
