"""The table of one adapter for all against one per persona, for docs/benchmarks.md. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from tests.benchmarks.difference import Difference
from tests.benchmarks.learning.personas import Persona
from tests.benchmarks.learning.plan import base_key
from tests.benchmarks.learning.results import Key, Results, Run
from tests.benchmarks.learning.tally import Tally
from tests.benchmarks.pooled.plan import EVERYBODY, PooledPlan
from tests.benchmarks.report import markdown_table

NOT_MEASURED = "–"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether the replies to the same unseen prompts comply with one persona's wish."""

    persona: Persona
    base: tuple[bool, ...]
    pooled: tuple[bool, ...]
    own: tuple[bool, ...]


def report(plan: PooledPlan, results: Results) -> str:
    """The figures, a line for every persona, and the trainings that were not promoted."""
    found = [each for persona in plan.personas if (each := _comparison(plan, results, persona))]
    rows = [
        [
            f"{each.persona.name}: {each.persona.wish}",
            *(f"{mean(arm):.2f}" for arm in (each.base, each.pooled, each.own)),
        ]
        for each in found
    ]
    days = sorted(each.measured_at[:10] for each in results)
    parts = [
        markdown_table(["figure", "measured", "wanted"], _figures(found)),
        f"Shares with 95 % intervals (Wilson 1927) over replies. Measured of {len(found)} of"
        f" {len(plan.personas)} personas, corrections of each {plan.corrections}, seeds"
        f" {plan.seeds}, asked from {days[0]} to {days[-1]}.",
        markdown_table(["persona", "base", "one adapter for all", "own adapter"], rows),
        "\n".join(_remarks(plan, results)),
    ]
    return "\n\n".join(filter(None, parts))


def _figures(found: Sequence[Comparison]) -> list[tuple[str, str, str]]:
    pooled, own = (
        Tally.of(ok for arm in arms for ok in arm)
        for arms in ([each.pooled for each in found], [each.own for each in found])
    )
    # A prompt is one pair: its replies to several personas are not independent.
    before, after = (
        [mean(of_prompt) for of_prompt in zip(*arms, strict=True)]
        for arms in ([each.pooled for each in found], [each.own for each in found])
    )
    difference = Difference.of(before, after)
    better = sum(sum(each.own) > sum(each.pooled) for each in found)
    return [
        ("compliance, one adapter for all", _shown(pooled), ""),
        ("compliance, everybody's own adapter", _shown(own), ""),
        ("the second − the first, over prompts", str(difference or NOT_MEASURED), "above 0"),
        ("personas that their own adapter serves better", f"{better} of {len(found)}", "all"),
    ]


def _comparison(plan: PooledPlan, results: Results, persona: Persona) -> Comparison | None:
    """Over the seeds for which both adapters have been asked; None without any."""
    base: list[bool] = []
    pooled: list[bool] = []
    own: list[bool] = []
    for seed in range(plan.seeds):
        keys = base_key(seed), plan.key(EVERYBODY, seed), plan.key(persona.name, seed)
        if all(key in results for key in keys):
            for arm, key in zip((base, pooled, own), keys, strict=True):
                arm += _compliance(results, persona, key)
    return Comparison(persona, tuple(base), tuple(pooled), tuple(own)) if base else None


def _compliance(results: Results, persona: Persona, key: Key) -> list[bool]:
    found = results.get(key)
    return [persona.complies(reply.text) for reply in found.replies] if found else []


def _remarks(plan: PooledPlan, results: Results) -> list[str]:
    lines = []
    for learner, personas in plan.learners.items():
        for seed in range(plan.seeds):
            run = _run(results, plan.key(learner, seed))
            if run is not None and run.status != "promoted":
                lines.append(f"- {learner}, seed {seed}: {run.status}. {run.reason}")
            if run is not None and run.num_feedback < plan.corrections * len(personas):
                lines.append(f"- {learner}, seed {seed}: only {run.num_feedback} could be given.")
    return lines


def _run(results: Results, key: Key) -> Run | None:
    found = results.get(key)
    return found.run if found else None


def _shown(tally: Tally) -> str:
    return str(tally) if tally.total else NOT_MEASURED
