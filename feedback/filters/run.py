"""Decides which rows are learned from, by their texts. The same for any order of the rows."""

from collections.abc import Callable, Iterable, Sequence

from feedback.examples.build import build_examples
from feedback.examples.from_proposals import approved_example
from feedback.filters import (
    contradictions,
    length,
    mojibake,
    near_duplicates,
    pii,
    secret_detection,
    writing_system,
)
from feedback.filters.records import DatedExample, FilterResult, Rejection
from feedback.proposals.records import Proposal
from feedback.records import Feedback, Interaction, TrainingExample

Filter = Callable[[Sequence[DatedExample]], dict[str, Rejection]]
"""Says which rows are left out, by id, whatever their order."""

_FILTERS: tuple[Filter, ...] = (
    # First: what was overruled stays so, whatever speaks against the newer row.
    contradictions.rejections,
    secret_detection.rejections,
    length.rejections,
    mojibake.rejections,
    length.repetitive_replies,
    writing_system.rejections,
    # Last: of two near-equal rows one that is sound should stay.
    near_duplicates.rejections,
)


def dated(
    examples: Iterable[TrainingExample], feedback: Iterable[Feedback]
) -> tuple[DatedExample, ...]:
    """One user's examples with the time of the newest judgement behind each."""
    judged_at = {each.id: each.updated_at for each in feedback}
    return tuple(
        DatedExample(each, max(judged_at.get(name, each.created_at) for name in each.feedback_ids))
        for each in examples
    )


def filter_examples(
    interactions: Iterable[Interaction],
    feedback: Sequence[Feedback],
    approved: Iterable[Proposal] = (),
) -> tuple[FilterResult, ...]:
    """What becomes of every row of one user's judgements and approved proposals, oldest first."""
    practised = [DatedExample(approved_example(each), each.decided_at or 0.0) for each in approved]
    judged = dated(build_examples(interactions, feedback), feedback)
    # Edited proposals can come to be the same as each other, or as a judged row.
    return run_filters({row.id: row for row in (*practised, *judged)}.values())


def run_filters(rows: Iterable[DatedExample]) -> tuple[FilterResult, ...]:
    """What becomes of every row of one user, oldest first; of the kept rows all would be kept."""
    ordered = sorted(rows, key=lambda row: row.age)
    causes = apply_filters(ordered, _FILTERS)
    return tuple(
        FilterResult(row, causes.get(row.id), () if row.id in causes else pii.warnings(row.example))
        for row in ordered
    )


def apply_filters(rows: Sequence[DatedExample], checks: Sequence[Filter]) -> dict[str, Rejection]:
    """What the checks leave out, by id, each seeing what the ones before left.

    Repeated until none leaves anything out: a row may be judged by the others.
    """
    causes: dict[str, Rejection] = {}
    while True:
        before = len(causes)
        for check in checks:
            causes |= check([row for row in rows if row.id not in causes])
        if len(causes) == before:
            return causes
