"""The examples of several users as one owner's. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from feedback.records import ORGANISATION, TrainingExample

MAX_POOLED = 2000
"""The newest are learned: a fit must end within its time, however many users share."""


def pooled(owner: str, examples: Iterable[TrainingExample]) -> tuple[TrainingExample, ...]:
    """The newest examples as those of `owner`; what several users said alike counts once.

    An owner other than the organisation has examples of their own only, and learns all.
    """
    if owner != ORGANISATION:
        return tuple(examples)
    distinct = {each.id: each for each in examples}
    newest = sorted(distinct.values(), key=lambda each: (each.created_at, each.id))[-MAX_POOLED:]
    return tuple(replace(each, user_id=owner) for each in newest)
