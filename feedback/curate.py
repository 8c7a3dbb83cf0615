"""Turns judgements into instruction pairs. Pure: the same rows give the same examples in any order.

A reply that was corrected or liked is a target to learn towards; a pair adds what to move away
from. A dislike makes a row of its own only where it makes no pair: what would be right teaches
more than what is wrong.
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
    """What all judgements of one completion come to: the newest value, the newest correction.

    Neither where it lost a comparison, or was answered again, and is not judged itself.
    """

    interaction: Interaction
    rated: Feedback | None
    corrected: Feedback | None

    @property
    def is_disliked(self) -> bool:
        return self.rated is not None and self.rated.value == -1

    @property
    def is_unjudged(self) -> bool:
        return self.rated is None and self.corrected is None


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
    pairs = list(_chosen_pairs(known, applied))
    chosen_between = {each.interaction_ids for each in pairs}
    made: list[TrainingExample] = []
    for opinions in _by_prompt(_opinions(known, applied)):
        targets = _targets(opinions)
        for target in targets:
            made.append(_target_example(target))
            pairs.extend(_correction_pair(target))
            pairs.extend(_regenerated_pairs(target, opinions, chosen_between))
        made.extend(_disliked_alone(opinions, targets, pairs))
    return _merged([*made, *pairs])


def single_replies(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[TrainingExample, ...]:
    """The corrected and liked replies among `examples`, in the same order, and nothing else.

    Compares no texts, so it is quick.
    """
    opinions = _by_prompt(_opinions(*_usable(interactions, feedback)))
    return _merged([_target_example(each) for group in opinions for each in _targets(group)])


def judgements_behind(
    example_ids: Container[str], interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[Feedback, ...]:
    """The judgements that made the examples with these ids and still stand, by age.

    A dislike is among them where it made a row of its own. Unlike `examples` this compares no
    texts, so it is quick.
    """
    known, applied = _usable(interactions, feedback)
    opinions = _opinions(known, applied)
    targets = (_target(opinion) for opinion in opinions)
    made = [_target_example(each) for each in targets if each is not None]
    made.extend(_disliked_examples(opinions))
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
    return [_Opinion(known[each], rated.get(each), corrected.get(each)) for each in sorted(known)]


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


def _correction_pair(target: _Target) -> Iterator[TrainingExample]:
    """What the person wrote over what the model did."""
    own = target.interaction
    if target.source == "correction" and _differ(target.reply, own.reply):
        yield _pair(own, target.reply, own.reply, "correction", (own,), (target.feedback,))


def _regenerated_pairs(
    target: _Target, opinions: list[_Opinion], chosen_between: Container[tuple[str, ...]]
) -> Iterator[TrainingExample]:
    """The target over earlier replies to its prompt that were disliked or answered again.

    Where the user has chosen between the two, that choice counts.
    """
    own = target.interaction
    for earlier in opinions:
        other = earlier.interaction
        both = own, other
        if (
            _was_not_enough(earlier, own)
            and (other.created_at, other.id) < (own.created_at, own.id)
            and _ids(both) not in chosen_between
            and _differ(target.reply, other.reply)
        ):
            judged = (target.feedback, *((earlier.rated,) if earlier.rated else ()))
            yield _pair(own, target.reply, other.reply, "regenerated", both, judged)


def _was_not_enough(earlier: _Opinion, later: Interaction) -> bool:
    """Whether a reply was disliked, or passed over by asking again in the same conversation."""
    is_same_conversation = earlier.interaction.conversation_id == later.conversation_id
    return earlier.is_disliked or (earlier.is_unjudged and is_same_conversation)


def _disliked_alone(
    opinions: list[_Opinion], targets: list[_Target], pairs: list[TrainingExample]
) -> Iterator[TrainingExample]:
    """Disliked replies that are in no pair and unlike all that is to be learned there."""
    paired = {name for each in pairs for name in each.interaction_ids}
    for each in _disliked_examples(opinions):
        is_unlike = all(_differ(target.reply, each.rejected or "") for target in targets)
        if is_unlike and not paired.intersection(each.interaction_ids):
            yield each


def _disliked_examples(opinions: Iterable[_Opinion]) -> Iterator[TrainingExample]:
    for each in opinions:
        own, rated = each.interaction, each.rated
        if each.is_disliked and each.corrected is None and rated is not None and own.reply.strip():
            yield _example(
                ExampleKind.UNDESIRABLE, own, "", own.reply, "disliked", (own,), (rated,)
            )


def _target_example(target: _Target) -> TrainingExample:
    own, reply, judged = target.interaction, target.reply, (target.feedback,)
    if target.source == "correction":
        return _example(
            ExampleKind.SFT, own, reply, None, "correction", (own,), judged, revised_from=own.reply
        )
    return _example(ExampleKind.DESIRABLE, own, reply, None, target.source, (own,), judged)


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
            yield _pair(winner, winner.reply, loser.reply, "pair", (winner, loser), (feedback,))


def _differ(chosen: str, rejected: str) -> bool:
    return normalised_edit_distance(chosen, rejected) > MIN_PAIR_DISTANCE


def _pair(
    turn: Interaction,
    chosen: str,
    rejected: str,
    source: str,
    interactions: tuple[Interaction, ...],
    feedback: tuple[Feedback, ...],
) -> TrainingExample:
    return _example(ExampleKind.DPO, turn, chosen, rejected, source, interactions, feedback)


def _example(
    kind: ExampleKind,
    turn: Interaction,
    chosen: str,
    rejected: str | None,
    source: str,
    interactions: tuple[Interaction, ...],
    feedback: tuple[Feedback, ...],
    revised_from: str | None = None,
) -> TrainingExample:
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
        interaction_ids=_ids(interactions),
        feedback_ids=tuple(sorted(each.id for each in feedback)),
        created_at=turn.created_at,
        revised_from=revised_from,
    )


def _ids(interactions: Iterable[Interaction]) -> tuple[str, ...]:
    return tuple(sorted(each.id for each in interactions))


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
