"""Runs the filters that look at texts only. The order of the examples does not matter."""

from collections.abc import Callable, Iterable, Sequence

from feedback.examples.build import build_examples
from feedback.filters import (
    contradictions,
    length,
    mojibake,
    near_duplicates,
    pii,
    secret_detection,
)
from feedback.filters.records import DatedExample, FilterResult, Rejection
from feedback.records import Feedback, Interaction, TrainingExample

Filter = Callable[[Sequence[DatedExample]], dict[str, Rejection]]
"""Returns the rejections by id; the order of the examples does not matter."""

_FILTERS: tuple[Filter, ...] = (
    # First: an overruled example stays rejected even if the newer one is rejected too.
    contradictions.rejections,
    secret_detection.rejections,
    length.rejections,
    mojibake.rejections,
    length.repetitive_replies,
    # Later: of two near-duplicates, one without another fault should stay.
    near_duplicates.rejections,
)


def dated(
    examples: Iterable[TrainingExample], feedback: Iterable[Feedback]
) -> tuple[DatedExample, ...]:
    """One user's examples with the time of the newest feedback behind each."""
    times = {each.id: each.updated_at for each in feedback}
    return tuple(
        DatedExample(each, max(times.get(name, each.created_at) for name in each.feedback_ids))
        for each in examples
    )


def filter_examples(
    interactions: Iterable[Interaction], feedback: Sequence[Feedback]
) -> tuple[FilterResult, ...]:
    """The result for each example of one user's feedback, oldest first."""
    return run_filters(dated(build_examples(interactions, feedback), feedback))


def run_filters(examples: Iterable[DatedExample]) -> tuple[FilterResult, ...]:
    """The result for each example, oldest first; filtering the accepted ones again rejects none."""
    ordered = sorted(examples, key=lambda each: each.age)
    found = apply_filters(ordered, _FILTERS)
    return tuple(
        FilterResult(
            each, found.get(each.id), () if each.id in found else pii.warnings(each.example)
        )
        for each in ordered
    )


def apply_filters(
    examples: Sequence[DatedExample], filters: Sequence[Filter]
) -> dict[str, Rejection]:
    """The rejections by id; each filter sees what the ones before accepted.

    Repeats until no filter rejects any, because a filter may compare examples with each other.
    """
    found: dict[str, Rejection] = {}
    while True:
        before = len(found)
        for rejections in filters:
            found |= rejections([each for each in examples if each.id not in found])
        if len(found) == before:
            return found
