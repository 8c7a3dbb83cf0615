"""The table of first wishes after later ones, for docs/benchmarks.md. Pure."""

from tests.benchmarks.learning.personas import Persona
from tests.benchmarks.learning.plan import base_key
from tests.benchmarks.learning.results import Key, Results
from tests.benchmarks.learning.tally import Tally
from tests.benchmarks.report import markdown_table
from tests.benchmarks.retention.plan import Chain, RetentionPlan

NOT_MEASURED = "–"
LAST = 3
"""How many wishes a chain has."""


def report(plan: RetentionPlan, results: Results) -> str:
    """The figures, a line for every chain, and the trainings that were not promoted."""
    rows = [
        [
            ", then ".join(wish.name for wish in chain.wishes),
            *(_share(_met(plan, results, chain, n, chain.first)) for n in range(LAST + 1)),
            _share(_met(plan, results, chain, LAST, chain.wishes[-1])),
            _share(_met(plan, results, chain, LAST, chain.stage(LAST))),
        ]
        for chain in plan.chains
    ]
    days = sorted(each.measured_at[:10] for each in results)
    headings = ["wishes", "the first: base", "after 1", "after 2", "after 3", "the last", "all"]
    parts = [
        markdown_table(["figure", "measured", "wanted"], _figures(plan, results)),
        f"Shares with 95 % intervals (Wilson 1927) over replies. {plan.corrections} corrections for"
        f" each wish, seeds {plan.seeds}, asked from {days[0]} to {days[-1]}.",
        markdown_table(headings, rows),
        "\n".join(_remarks(plan, results)),
    ]
    return "\n\n".join(filter(None, parts))


def _figures(plan: RetentionPlan, results: Results) -> list[tuple[str, str, str]]:
    finished = [
        chain
        for chain in plan.chains
        if all(
            plan.key(chain, seed, wishes) in results
            for seed in range(plan.seeds)
            for wishes in range(1, LAST + 1)
        )
    ]
    before, after = (
        sum((_met(plan, results, chain, wishes, chain.first) for chain in finished), Tally())
        for wishes in (1, LAST)
    )
    retention = f"{after.share / before.share:.2f}" if before.hits else NOT_MEASURED
    return [
        ("first wish, when it is the only one", _shown(before), ""),
        ("first wish, after two more", _shown(after), "≥ 0.90"),
        ("the second ÷ the first", retention, "≥ 0.90"),
    ]


def _met(
    plan: RetentionPlan, results: Results, chain: Chain, wishes: int, wanted: Persona
) -> Tally:
    """How many replies comply with `wanted` after so many wishes; the base's for 0."""
    tally = Tally()
    for seed in range(plan.seeds):
        key = plan.key(chain, seed, wishes) if wishes else base_key(seed)
        tally += _compliance(results, key, wanted)
    return tally


def _compliance(results: Results, key: Key, wanted: Persona) -> Tally:
    found = results.get(key)
    return Tally.of(wanted.complies(reply.text) for reply in found.replies) if found else Tally()


def _remarks(plan: RetentionPlan, results: Results) -> list[str]:
    lines = []
    for chain in plan.chains:
        for seed in range(plan.seeds):
            for wishes in range(1, LAST + 1):
                found = results.get(plan.key(chain, seed, wishes))
                if found is not None and found.run is not None and found.run.status != "promoted":
                    lines.append(
                        f"- {chain.name}, seed {seed}, {wishes} of its wishes:"
                        f" {found.run.status}. {found.run.reason}"
                    )
    return lines


def _share(tally: Tally) -> str:
    return f"{tally.share:.2f}" if tally.total else NOT_MEASURED


def _shown(tally: Tally) -> str:
    return str(tally) if tally.total else NOT_MEASURED
