"""Aggregates all feedback on each reply: what to learn, and what was good or bad.

Pure. The newest feedback on a reply wins, and a correction replaces a like.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from feedback.records import ExampleSource, Feedback, FeedbackStatus, Interaction, Message
from feedback.text.edit_distance import normalised_edit_distance

MAX_NEUTRAL_EDIT = 0.5
"""A correction that changes at most this share of a reply is an improvement: the reply counts as
neither good nor bad."""

PromptKey = tuple[str, tuple[Message, ...]]
"""The user and the messages: examples never mix two users."""


@dataclass(frozen=True, slots=True)
class JudgedReply:
    """A reply with its newest rating and correction; neither if it only lost or was regenerated."""

    interaction: Interaction
    rated: Feedback | None
    corrected: Feedback | None

    @property
    def is_disliked(self) -> bool:
        """Whether the newest rating is -1."""
        return self.rated is not None and self.rated.value == -1

    @property
    def is_unrated(self) -> bool:
        """Whether it has neither a rating nor a correction."""
        return self.rated is None and self.corrected is None

    @property
    def target_reply(self) -> "TargetReply | None":
        """The correction, or else the reply itself if it was liked."""
        own, rated, corrected = self.interaction, self.rated, self.corrected
        if corrected is not None and corrected.correction is not None:
            return TargetReply(own, corrected.correction, corrected, ExampleSource.CORRECTION)
        if rated is not None and rated.value == 1 and own.reply.strip():
            return TargetReply(own, own.reply, rated, ExampleSource.LIKED)
        return None


@dataclass(frozen=True, slots=True)
class TargetReply:
    """A reply worth learning: a correction, or a reply that was liked as it is."""

    interaction: Interaction
    reply: str
    feedback: Feedback
    source: ExampleSource


def usable_feedback(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[dict[str, Interaction], list[Feedback]]:
    """The learnable turns by id, and the applied feedback on them, oldest first."""
    known = {each.id: each for each in interactions if each.is_learnable}
    applied = sorted((each for each in feedback if _is_usable(each, known)), key=_age)
    return known, applied


def aggregate_feedback(
    known: Mapping[str, Interaction], applied: Iterable[Feedback]
) -> list[JudgedReply]:
    """One judged reply per turn, in order of id; `applied` is sorted by age."""
    by_age = list(applied)
    rated = {each.completion_id: each for each in by_age if each.value is not None}
    corrected = {each.completion_id: each for each in by_age if each.correction is not None}
    return [
        JudgedReply(known[each], rated.get(each), corrected.get(each)) for each in sorted(known)
    ]


def by_prompt(replies: Iterable[JudgedReply]) -> Iterable[list[JudgedReply]]:
    """The replies grouped by prompt."""
    groups: dict[PromptKey, list[JudgedReply]] = defaultdict(list)
    for reply in replies:
        groups[prompt_key(reply.interaction)].append(reply)
    return groups.values()


def prompt_key(interaction: Interaction) -> PromptKey:
    """The user and the messages of a turn."""
    return interaction.user_id, interaction.messages


def target_replies(replies: Iterable[JudgedReply]) -> list[TargetReply]:
    """The replies to learn for one prompt: none that is older than its newest correction."""
    targets = [each.target_reply for each in replies if each.target_reply is not None]
    corrections = [
        _age(each.feedback) for each in targets if each.source is ExampleSource.CORRECTION
    ]
    if not corrections:
        return targets
    newest = max(corrections)
    return [each for each in targets if _age(each.feedback) >= newest]


def _is_usable(feedback: Feedback, known: Mapping[str, Interaction]) -> bool:
    turn = known.get(feedback.completion_id)
    return (
        feedback.status is FeedbackStatus.APPLIED
        and turn is not None
        and turn.user_id == feedback.user_id
    )


def _age(feedback: Feedback) -> tuple[float, str]:
    return feedback.updated_at, feedback.id


@dataclass(frozen=True, slots=True)
class RatedReply:
    """One reply that the feedback calls good or bad."""

    interaction: Interaction
    is_bad: bool


def rated_replies(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> list[RatedReply]:
    """Every reply that was called good or bad, oldest first; the newest feedback wins.

    In one item of feedback the rating decides, else the size of the correction, else the
    preference.
    """
    known, applied = usable_feedback(interactions, feedback)
    ratings: dict[str, bool] = {}
    for each in applied:
        ratings.update(_ratings(each, known))
    found = [RatedReply(known[reply], is_bad) for reply, is_bad in ratings.items()]
    return sorted(found, key=lambda each: (each.interaction.created_at, each.interaction.id))


def _ratings(feedback: Feedback, known: Mapping[str, Interaction]) -> Iterator[tuple[str, bool]]:
    """The ids of the replies that the feedback is about, and whether each was bad."""
    turn = known[feedback.completion_id]
    loser = known.get(feedback.preferred_over or "")
    # A comparison of two replies of one version says nothing about that version.
    is_across_versions = loser is not None and loser.adapter != turn.adapter
    if feedback.value is not None:
        yield turn.id, feedback.value < 0
    elif feedback.correction is not None:
        if normalised_edit_distance(turn.reply, feedback.correction) > MAX_NEUTRAL_EDIT:
            yield turn.id, True
    elif is_across_versions:
        yield turn.id, False
    if loser is not None and is_across_versions:
        yield loser.id, True
