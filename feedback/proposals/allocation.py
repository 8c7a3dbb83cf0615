"""Decides how many proposals each task type gets. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from feedback.task_types import TaskType, task_type_of


def task_type_shares(
    taught: Iterable[str], asked: Iterable[str], criticised: Iterable[str]
) -> dict[TaskType, float]:
    """How much each task type needs examples, as shares of 1; empty if nothing was asked.

    `taught` are the prompts of the examples, `asked` those of the last turns, `criticised` those
    with a disliked or corrected reply. The weight of a type is its share of `criticised`, plus the
    gap by which its share of `asked` exceeds that of `taught`. If all weights are 0, the shares of
    `asked` are returned.
    """
    known, wanted, wrong = (_shares(prompts) for prompts in (taught, asked, criticised))
    weights = {
        kind: max(0.0, wanted.get(kind, 0.0) - known.get(kind, 0.0)) + wrong.get(kind, 0.0)
        for kind in TaskType
    }
    total = sum(weights.values())
    if total == 0:
        return wanted
    return {kind: weight / total for kind, weight in weights.items() if weight > 0}


def allocate(
    shares: Mapping[TaskType, float], possible: Collection[TaskType], count: int
) -> dict[TaskType, int]:
    """How many of `count` proposals each `possible` task type gets, the most first.

    Largest remainders, so that the numbers add up to `count`; types that get none are omitted.
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


def _shares(prompts: Iterable[str]) -> dict[TaskType, float]:
    counted = Counter(map(task_type_of, prompts))
    return {kind: number / counted.total() for kind, number in counted.items()}
