"""Turns judgements into instruction pairs. Pure: the same rows give the same examples in any order.

A reply that was corrected or liked is a target to learn towards; a pair adds what to move away
from. A dislike alone trains nothing: it says what is wrong, not what would be right.
"""

import json
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

from feedback.edit_distance import normalised_edit_distance
from feedback.records import (
    ExampleKind,
    Feedback,
    FeedbackStatus,
    Interaction,
    Message,
    TrainingExample,
)

# Pairs that hardly differ lower the likelihood of both sides (arXiv 2410.08847).
MIN_PAIR_DISTANCE = 0.1

Prompt = tuple[str, tuple[Message, ...]]
"""Whose prompt, and the prompt: examples never mix two users."""


@dataclass(frozen=True, slots=True)
class _Opinion:
    """What all judgements of one completion come to: the newest value, the newest correction."""

    interaction: Interaction
    rated: Feedback | None
    corrected: Feedback | None

    @property
    def is_disliked(self) -> bool:
        return self.rated is not None and self.rated.value == -1


@dataclass(frozen=True, slots=True)
class _Target:
    """A reply worth learning: a correction, or a reply that was liked as it is."""

    interaction: Interaction
    reply: str
    feedback: Feedback
    source: str


def examples(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[TrainingExample, ...]:
    """All that is to be learned from the judgements, in order of (created_at, id).

    The newest judgement of a completion wins, and a correction replaces a like. Where one prompt
    was answered several times, its newest correction overrules older corrections and likes.
    Judgements of anything but finished chat turns are left out. `created_at` is the time of the
    turn; examples of equal content are merged into one that names all its sources.
    """
    known, applied = _usable(interactions, feedback)
    made: list[TrainingExample] = []
    for opinions in _by_prompt(_opinions(known, applied)):
        for target in _targets(opinions):
            made.extend(_examples_of(target, opinions))
    made.extend(_chosen_pairs(known, applied))
    return _merged(made)


def single_replies(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[TrainingExample, ...]:
    """The corrected and liked replies among `examples`, in the same order, without the pairs.

    Compares no texts, so it is quick.
    """
    opinions = _by_prompt(_opinions(*_usable(interactions, feedback)))
    return _merged([_target_example(each) for group in opinions for each in _targets(group)])


def judgements_behind(
    example_ids: Container[str], interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[Feedback, ...]:
    """The judgements that made the examples with these ids and still stand, by age.

    A dislike is never among them: alone it trains nothing. Unlike `examples` this compares no
    texts, so it is quick.
    """
    known, applied = _usable(interactions, feedback)
    targets = (_target(opinion) for opinion in _opinions(known, applied))
    made = [_target_example(each) for each in targets if each is not None]
    made.extend(_chosen_pairs(known, applied))
    wanted = [each for each in made if each.id in example_ids]
    named = {(each.user_id, name) for each in wanted for name in each.feedback_ids}
    return tuple(each for each in applied if (each.user_id, each.id) in named)


def example_id(
    kind: ExampleKind,
    prompt: tuple[Message, ...],
    chosen: str,
    rejected: str | None,
    weight: float,
    revised_from: str | None = None,
) -> str:
    """The SHA-256 of what trains: examples from different judgements can have equal ids."""
    turns = [[message.role, message.content] for message in prompt]
    content = [kind.value, turns, chosen, rejected, float(weight), revised_from]
    return sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def _usable(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[dict[str, Interaction], list[Feedback]]:
    """The turns that may teach by their ids, and the judgements of those by age."""
    known = {each.id: each for each in interactions if each.is_learnable}
    applied = sorted(
        (each for each in feedback if _is_usable(each, known)), key=lambda each: _age(each)
    )
    return known, applied


def _is_usable(feedback: Feedback, known: dict[str, Interaction]) -> bool:
    target = known.get(feedback.target)
    return (
        feedback.status is FeedbackStatus.APPLIED
        and target is not None
        and target.user_id == feedback.user_id
    )


def _age(feedback: Feedback) -> tuple[float, str]:
    return feedback.updated_at, feedback.id


def _prompt(interaction: Interaction) -> Prompt:
    return interaction.user_id, interaction.messages


def _opinions(known: dict[str, Interaction], applied: list[Feedback]) -> list[_Opinion]:
    rated = {each.target: each for each in applied if each.value is not None}
    corrected = {each.target: each for each in applied if each.correction is not None}
    judged = sorted({each.target for each in applied})
    return [_Opinion(known[each], rated.get(each), corrected.get(each)) for each in judged]


def _by_prompt(opinions: Iterable[_Opinion]) -> Iterable[list[_Opinion]]:
    groups: dict[Prompt, list[_Opinion]] = defaultdict(list)
    for opinion in opinions:
        groups[_prompt(opinion.interaction)].append(opinion)
    return groups.values()


def _targets(opinions: Iterable[_Opinion]) -> list[_Target]:
    """The replies to one prompt that are to be learned."""
    return _standing([target for target in map(_target, opinions) if target is not None])


def _target(opinion: _Opinion) -> _Target | None:
    interaction, rated, corrected = opinion.interaction, opinion.rated, opinion.corrected
    if corrected is not None and corrected.correction is not None:
        return _Target(interaction, corrected.correction, corrected, "correction")
    if rated is not None and rated.value == 1 and interaction.reply.strip():
        return _Target(interaction, interaction.reply, rated, "liked")
    return None


def _standing(targets: list[_Target]) -> list[_Target]:
    """The targets of one prompt that its newest correction does not overrule."""
    corrections = [_age(each.feedback) for each in targets if each.source == "correction"]
    if not corrections:
        return targets
    newest = max(corrections)
    return [each for each in targets if _age(each.feedback) >= newest]


def _examples_of(target: _Target, opinions: list[_Opinion]) -> Iterator[TrainingExample]:
    """The target itself, and the pairs it makes with replies to the same prompt."""
    own = target.interaction
    yield _target_example(target)
    if target.source == "correction" and _differ(target.reply, own.reply):
        yield _example(own, target.reply, own.reply, "correction", (own,), (target.feedback,))
    for earlier in opinions:
        other = earlier.interaction
        if (
            earlier.is_disliked
            and earlier.rated is not None
            and (other.created_at, other.id) < (own.created_at, own.id)
            and _differ(target.reply, other.reply)
        ):
            yield _example(
                own,
                target.reply,
                other.reply,
                "regenerated",
                (own, other),
                (target.feedback, earlier.rated),
            )


def _target_example(target: _Target) -> TrainingExample:
    own = target.interaction
    original = own.reply if target.source == "correction" else None
    return _example(own, target.reply, None, target.source, (own,), (target.feedback,), original)


def _chosen_pairs(
    known: dict[str, Interaction], applied: list[Feedback]
) -> Iterator[TrainingExample]:
    """Pairs that the user chose between; of two choices between the same two the newest counts."""
    newest = {
        frozenset((each.target, each.preferred_over)): each
        for each in applied
        if each.preferred_over in known
    }
    for feedback in newest.values():
        winner, loser = known[feedback.target], known[feedback.preferred_over or ""]
        if _prompt(winner) == _prompt(loser) and winner.reply.strip() != loser.reply.strip():
            yield _example(winner, winner.reply, loser.reply, "pair", (winner, loser), (feedback,))


def _differ(chosen: str, rejected: str) -> bool:
    return normalised_edit_distance(chosen, rejected) > MIN_PAIR_DISTANCE


def _example(
    turn: Interaction,
    chosen: str,
    rejected: str | None,
    source: str,
    interactions: tuple[Interaction, ...],
    feedback: tuple[Feedback, ...],
    revised_from: str | None = None,
) -> TrainingExample:
    kind = ExampleKind.SFT if rejected is None else ExampleKind.DPO
    weight = 1.0
    return TrainingExample(
        id=example_id(kind, turn.messages, chosen, rejected, weight, revised_from),
        user_id=turn.user_id,
        kind=kind,
        prompt=turn.messages,
        chosen=chosen,
        rejected=rejected,
        weight=weight,
        source=source,
        conversation_id=turn.conversation_id,
        interaction_ids=tuple(sorted(each.id for each in interactions)),
        feedback_ids=tuple(sorted(each.id for each in feedback)),
        created_at=turn.created_at,
        revised_from=revised_from,
    )


def _merged(made: list[TrainingExample]) -> tuple[TrainingExample, ...]:
    """One example per user and content: the oldest, with the sources of all."""
    made.sort(key=lambda each: (each.created_at, each.id, each.source, each.interaction_ids))
    merged: dict[tuple[str, str], TrainingExample] = {}
    for each in made:
        key = (each.user_id, each.id)
        first = merged.get(key, each)
        merged[key] = replace(
            first,
            interaction_ids=tuple(sorted({*first.interaction_ids, *each.interaction_ids})),
            feedback_ids=tuple(sorted({*first.feedback_ids, *each.feedback_ids})),
        )
    return tuple(merged.values())
