"""Which replies a user was content with and which not, one verdict for each reply. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from feedback.edit_distance import normalised_edit_distance
from feedback.opinions import usable
from feedback.records import Feedback, Interaction

BIG_EDIT = 0.5
"""A correction is an everyday act of a user who teaches. One that keeps half of the reply or more
says what could be better, not that the reply was bad, so it counts as neither."""


@dataclass(frozen=True, slots=True)
class JudgedReply:
    """One reply that a judgement calls good or bad."""

    interaction: Interaction
    is_bad: bool


def judged_replies(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> list[JudgedReply]:
    """Every reply that somebody called good or bad, oldest first; the newest judgement wins.

    Within one judgement the thumb decides, else the correction by its size, else the choice.
    """
    known, applied = usable(interactions, feedback)
    verdicts: dict[str, bool] = {}
    for judgement in applied:
        verdicts.update(_verdicts(judgement, known))
    found = [JudgedReply(known[reply], is_bad) for reply, is_bad in verdicts.items()]
    return sorted(found, key=lambda each: (each.interaction.created_at, each.interaction.id))


def _verdicts(judgement: Feedback, known: Mapping[str, Interaction]) -> Iterator[tuple[str, bool]]:
    """The replies that one judgement is about, each with whether it was bad."""
    target = known[judgement.target]
    loser = known.get(judgement.preferred_over or "")
    # One of two replies of the same version always loses: that says nothing of the version.
    is_contest = loser is not None and loser.adapter != target.adapter
    if judgement.value is not None:
        yield target.id, judgement.value < 0
    elif judgement.correction is not None:
        if normalised_edit_distance(target.reply, judgement.correction) > BIG_EDIT:
            yield target.id, True
    elif is_contest:
        yield target.id, False
    if loser is not None and is_contest:
        yield loser.id, True
