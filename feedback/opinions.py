"""What a user thinks of each reply, all judgements taken together, and which replies to learn.

Pure. The newest judgement of a reply wins, and a correction replaces a like.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from feedback.records import Feedback, FeedbackStatus, Interaction, Message

Prompt = tuple[str, tuple[Message, ...]]
"""Whose prompt, and the prompt: examples never mix two users."""


@dataclass(frozen=True, slots=True)
class Opinion:
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
    def is_unjudged(self) -> bool:
        """Whether nobody gave it a thumb or a correction."""
        return self.rated is None and self.corrected is None

    @property
    def target(self) -> "Target | None":
        """What is to be learned of it."""
        own, rated, corrected = self.interaction, self.rated, self.corrected
        if corrected is not None and corrected.correction is not None:
            return Target(own, corrected.correction, corrected, "correction")
        if rated is not None and rated.value == 1 and own.reply.strip():
            return Target(own, own.reply, rated, "liked")
        return None


@dataclass(frozen=True, slots=True)
class Target:
    """A reply worth learning: a correction, or a reply that was liked as it is."""

    interaction: Interaction
    reply: str
    feedback: Feedback
    source: str


def usable(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[dict[str, Interaction], list[Feedback]]:
    """The turns that may teach by their ids, and the judgements of those by age."""
    known = {each.id: each for each in interactions if each.is_learnable}
    applied = sorted((each for each in feedback if _is_usable(each, known)), key=_age)
    return known, applied


def opinions(known: Mapping[str, Interaction], applied: Iterable[Feedback]) -> list[Opinion]:
    """One opinion for each turn, in order of their ids; `applied` is sorted by age."""
    by_age = list(applied)
    rated = {each.target: each for each in by_age if each.value is not None}
    corrected = {each.target: each for each in by_age if each.correction is not None}
    return [Opinion(known[each], rated.get(each), corrected.get(each)) for each in sorted(known)]


def by_prompt(opinions: Iterable[Opinion]) -> Iterable[list[Opinion]]:
    """The opinions of replies to the same prompt, together."""
    groups: dict[Prompt, list[Opinion]] = defaultdict(list)
    for opinion in opinions:
        groups[prompt_of(opinion.interaction)].append(opinion)
    return groups.values()


def prompt_of(interaction: Interaction) -> Prompt:
    """What a turn answers, and whose."""
    return interaction.user_id, interaction.messages


def targets(opinions: Iterable[Opinion]) -> list[Target]:
    """The replies to one prompt that its newest correction does not overrule."""
    found = [each.target for each in opinions]
    wanted = [each for each in found if each is not None]
    corrections = [_age(each.feedback) for each in wanted if each.source == "correction"]
    if not corrections:
        return wanted
    newest = max(corrections)
    return [each for each in wanted if _age(each.feedback) >= newest]


def _is_usable(feedback: Feedback, known: Mapping[str, Interaction]) -> bool:
    target = known.get(feedback.target)
    return (
        feedback.status is FeedbackStatus.APPLIED
        and target is not None
        and target.user_id == feedback.user_id
    )


def _age(feedback: Feedback) -> tuple[float, str]:
    return feedback.updated_at, feedback.id
