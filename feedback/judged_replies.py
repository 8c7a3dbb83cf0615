"""What a user thinks of each reply, all judgements taken together, and which replies to learn.

Pure. The newest judgement of a reply wins, and a correction replaces a like.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from feedback.records import ExampleSource, Feedback, FeedbackStatus, Interaction, Message
from feedback.text.edit_distance import normalised_edit_distance

PromptKey = tuple[str, tuple[Message, ...]]
"""Whose prompt, and the prompt: examples never mix two users."""


@dataclass(frozen=True, slots=True)
class JudgedReply:
    """What all judgements of one completion come to: the newest value, the newest correction.

    Neither where it is only part of another one's judgement: it lost a comparison, or was answered
    again.
    """

    interaction: Interaction
    rated: Feedback | None
    corrected: Feedback | None

    @property
    def is_disliked(self) -> bool:
        """Whether the newest thumb points down."""
        return self.rated is not None and self.rated.value == -1

    @property
    def is_unrated(self) -> bool:
        """Whether nobody gave it a thumb or a correction."""
        return self.rated is None and self.corrected is None

    @property
    def target_reply(self) -> "TargetReply | None":
        """What is to be learned of it."""
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
    """The turns that may teach by their ids, and the judgements of those by age."""
    known = {each.id: each for each in interactions if each.is_learnable}
    applied = sorted((each for each in feedback if _is_usable(each, known)), key=_age)
    return known, applied


def aggregate_feedback(
    known: Mapping[str, Interaction], applied: Iterable[Feedback]
) -> list[JudgedReply]:
    """One opinion for each turn, in order of their ids; `applied` is sorted by age."""
    by_age = list(applied)
    rated = {each.completion_id: each for each in by_age if each.value is not None}
    corrected = {each.completion_id: each for each in by_age if each.correction is not None}
    return [
        JudgedReply(known[each], rated.get(each), corrected.get(each)) for each in sorted(known)
    ]


def by_prompt(replies: Iterable[JudgedReply]) -> Iterable[list[JudgedReply]]:
    """The opinions of replies to the same prompt, together."""
    groups: dict[PromptKey, list[JudgedReply]] = defaultdict(list)
    for reply in replies:
        groups[prompt_key(reply.interaction)].append(reply)
    return groups.values()


def prompt_key(interaction: Interaction) -> PromptKey:
    """What a turn answers, and whose."""
    return interaction.user_id, interaction.messages


def target_replies(replies: Iterable[JudgedReply]) -> list[TargetReply]:
    """The replies to one prompt that its newest correction does not overrule."""
    found = [each.target_reply for each in replies]
    wanted = [each for each in found if each is not None]
    corrections = [
        _age(each.feedback) for each in wanted if each.source is ExampleSource.CORRECTION
    ]
    if not corrections:
        return wanted
    newest = max(corrections)
    return [each for each in wanted if _age(each.feedback) >= newest]


def _is_usable(feedback: Feedback, known: Mapping[str, Interaction]) -> bool:
    target = known.get(feedback.completion_id)
    return (
        feedback.status is FeedbackStatus.APPLIED
        and target is not None
        and target.user_id == feedback.user_id
    )


def _age(feedback: Feedback) -> tuple[float, str]:
    return feedback.updated_at, feedback.id


BIG_EDIT = 0.5
"""A correction is an everyday act of a user who teaches. One that keeps half of the reply or more
says what could be better, not that the reply was bad, so it counts as neither."""


@dataclass(frozen=True, slots=True)
class RatedReply:
    """One reply that a judgement calls good or bad."""

    interaction: Interaction
    is_bad: bool


def rated_replies(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> list[RatedReply]:
    """Every reply that somebody called good or bad, oldest first; the newest judgement wins.

    Within one judgement the thumb decides, else the correction by its size, else the choice.
    """
    known, applied = usable_feedback(interactions, feedback)
    verdicts: dict[str, bool] = {}
    for judgement in applied:
        verdicts.update(_ratings(judgement, known))
    found = [RatedReply(known[reply], is_bad) for reply, is_bad in verdicts.items()]
    return sorted(found, key=lambda each: (each.interaction.created_at, each.interaction.id))


def _ratings(judgement: Feedback, known: Mapping[str, Interaction]) -> Iterator[tuple[str, bool]]:
    """The replies that one judgement is about, each with whether it was bad."""
    target = known[judgement.completion_id]
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


@dataclass(frozen=True, slots=True)
class CommentedReply:
    """A reply and the newest comment on it."""

    interaction: Interaction
    feedback: Feedback

    @property
    def comment(self) -> str:
        """What the user said."""
        return (self.feedback.comment or "").strip()


def commented_replies(
    interactions: Iterable[Interaction],
    feedback: Iterable[Feedback],
    *,
    excluding: Container[str],
    limit: int,
) -> tuple[CommentedReply, ...]:
    """The `limit` replies that were commented on last, the newest first.

    Not what was liked, which is good as it is; not answers to prompts of which the user corrected a
    reply, which says more; and none of the conversations `excluding`.
    """
    known, applied = usable_feedback(interactions, feedback)
    newest = {each.completion_id: each for each in applied if (each.comment or "").strip()}
    found = [
        CommentedReply(each.interaction, newest[each.interaction.id])
        for group in by_prompt(aggregate_feedback(known, applied))
        if not any(target.source is ExampleSource.CORRECTION for target in target_replies(group))
        for each in group
        if each.interaction.id in newest
        and each.target_reply is None
        and each.interaction.reply.strip()
        and each.interaction.conversation_id not in excluding
    ]
    found.sort(key=lambda each: (each.feedback.updated_at, each.feedback.id), reverse=True)
    return tuple(found[:limit])
