"""Decides which rows are learned from, by their texts. The same for any order of the rows."""

from collections.abc import Callable, Iterable, Sequence

from feedback.examples.build import examples
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
from feedback.filters.records import Fate, LeftOut, Row
from feedback.proposals.records import Proposal
from feedback.records import Feedback, Interaction, TrainingExample

Check = Callable[[Sequence[Row]], dict[str, LeftOut]]
"""Says which rows are left out, by id, whatever their order."""

_CHECKS: tuple[Check, ...] = (
    # First: what was overruled stays so, whatever speaks against the newer row.
    contradictions.left_out,
    secret_detection.left_out,
    length.left_out,
    mojibake.left_out,
    length.left_out_loops,
    writing_system.left_out,
    # Last: of two near-equal rows one that is sound should stay.
    near_duplicates.left_out,
)


def rows_of(examples: Iterable[TrainingExample], feedback: Iterable[Feedback]) -> tuple[Row, ...]:
    """One user's examples with the time of the newest judgement behind each."""
    judged_at = {each.id: each.updated_at for each in feedback}
    return tuple(
        Row(each, max(judged_at.get(name, each.created_at) for name in each.feedback_ids))
        for each in examples
    )


def fates_of(
    interactions: Iterable[Interaction],
    feedback: Sequence[Feedback],
    approved: Iterable[Proposal] = (),
) -> tuple[Fate, ...]:
    """What becomes of every row of one user's judgements and approved proposals, oldest first."""
    practised = [Row(approved_example(each), each.decided_at or 0.0) for each in approved]
    judged = rows_of(examples(interactions, feedback), feedback)
    # Edited proposals can come to be the same as each other, or as a judged row.
    return decide({row.id: row for row in (*practised, *judged)}.values())


def decide(rows: Iterable[Row]) -> tuple[Fate, ...]:
    """What becomes of every row of one user, oldest first; of the kept rows all would be kept."""
    ordered = sorted(rows, key=lambda row: row.age)
    causes = until_all_stay(ordered, _CHECKS)
    return tuple(
        Fate(row, causes.get(row.id), () if row.id in causes else pii.warnings(row.example))
        for row in ordered
    )


def until_all_stay(rows: Sequence[Row], checks: Sequence[Check]) -> dict[str, LeftOut]:
    """What the checks leave out, by id, each seeing what the ones before left.

    Repeated until none leaves anything out: a row may be judged by the others.
    """
    causes: dict[str, LeftOut] = {}
    while True:
        before = len(causes)
        for check in checks:
            causes |= check([row for row in rows if row.id not in causes])
        if len(causes) == before:
            return causes
