"""The table of losses and gains for docs/benchmarks.md. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from tests.benchmarks.difference import Difference
from tests.benchmarks.forgetting.results import BASE
from tests.benchmarks.report import markdown_table

NOT_MEASURED = "–"
WANTED = "about 0"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Which items of one test were passed: by the base or an adapter, then by item."""

    test: str
    passed: Mapping[str, Mapping[str, bool]]

    def adapters(self) -> list[str]:
        """The adapters, without the base."""
        return [who for who in self.passed if who != BASE]

    def pairs(self, who: str) -> tuple[list[bool], list[bool]]:
        """The base's and an adapter's results on the items that both have done."""
        base, own = self.passed.get(BASE, {}), self.passed[who]
        both = [item for item in base if item in own]
        return [base[item] for item in both], [own[item] for item in both]

    def overall(self) -> Difference | None:
        """The mean difference over all adapters. An item that all have done is one pair."""
        adapters = [self.passed[who] for who in self.adapters()]
        base = self.passed.get(BASE, {})
        items = [item for item in base if adapters and all(item in own for own in adapters)]
        after = [mean(own[item] for own in adapters) for item in items]
        return Difference.of([base[item] for item in items], after)


def report(tests: Sequence[Outcomes], remarks: Sequence[str]) -> str:
    """The figures, a line for every adapter, and the remarks."""
    figures = [
        (
            f"{test.test}: adapter − base, mean of {len(test.adapters())} adapters",
            _shown(test.overall()),
            WANTED,
        )
        for test in tests
    ]
    rows = [[test.test, who, *_row(test, who)] for test in tests for who in test.adapters()]
    heading = ["test", "adapter", "base", "adapter's", "difference", "lost", "gained"]
    return "\n\n".join(
        filter(
            None,
            (
                markdown_table(["figure", "measured", "wanted"], figures),
                "± is one standard error of the mean of the paired differences; of the mean of"
                " adapters, over prompts.",
                markdown_table(heading, rows),
                "\n".join(f"- {remark}" for remark in remarks),
            ),
        )
    )


def _row(test: Outcomes, who: str) -> list[str]:
    base, own = test.pairs(who)
    if not base:
        return [NOT_MEASURED] * 5
    both = list(zip(base, own, strict=True))
    return [
        f"{mean(base):.2f}",
        f"{mean(own):.2f}",
        _shown(Difference.of(base, own)),
        str(sum(before and not after for before, after in both)),
        str(sum(after and not before for before, after in both)),
    ]


def _shown(difference: Difference | None) -> str:
    return NOT_MEASURED if difference is None else str(difference)
