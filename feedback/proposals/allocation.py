"""Which kinds of instruction need practice, and how much of it. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from feedback.task_types import Kind, kind_of


def needs(taught: Iterable[str], asked: Iterable[str], faulted: Iterable[str]) -> dict[Kind, float]:
    """How much each kind needs practice, as shares of 1; empty where nothing was asked.

    `taught` are the prompts that rows are about, `asked` those of the last turns, `faulted` those
    whose replies were disliked or corrected. A kind needs practice where it is a smaller share of
    what is taught than of what is asked, and where it is a large share of what went wrong; where
    neither says anything, as often as it is asked.
    """
    known, wanted, wrong = (_shares(prompts) for prompts in (taught, asked, faulted))
    weights = {
        kind: max(0.0, wanted.get(kind, 0.0) - known.get(kind, 0.0)) + wrong.get(kind, 0.0)
        for kind in Kind
    }
    total = sum(weights.values())
    if total == 0:
        return wanted
    return {kind: weight / total for kind, weight in weights.items() if weight > 0}


def allotted(
    shares: Mapping[Kind, float], possible: Collection[Kind], count: int
) -> dict[Kind, int]:
    """How many of `count` proposals each of the `possible` kinds gets, the neediest first.

    By largest remainders, so that the numbers add up; kinds that get none are left out.
    """
    weights = {kind: share for kind, share in shares.items() if kind in possible}
    total = sum(weights.values())
    if total == 0:
        return {}
    quotas = {kind: count * weight / total for kind, weight in weights.items()}
    numbers = {kind: int(quota) for kind, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda kind: (numbers[kind] - quotas[kind], kind))
    for kind in by_remainder[: count - sum(numbers.values())]:
        numbers[kind] += 1
    ordered = sorted(numbers, key=lambda kind: (-numbers[kind], kind))
    return {kind: numbers[kind] for kind in ordered if numbers[kind]}


def _shares(prompts: Iterable[str]) -> dict[Kind, float]:
    counted = Counter(map(kind_of, prompts))
    return {kind: number / counted.total() for kind, number in counted.items()}
