"""Turns judgements into instruction pairs. Pure: the same rows give the same examples in any order.

A reply that was corrected or liked is a target to learn towards; a pair adds what to move away
from. A dislike makes a row of its own only where it makes no pair: what would be right teaches
more than what is wrong.
"""

from collections.abc import Container, Iterable, Iterator, Set
from dataclasses import replace

from feedback.judged_replies import (
    JudgedReply,
    TargetReply,
    aggregate_feedback,
    by_prompt,
    prompt_key,
    target_replies,
    usable_feedback,
)
from feedback.records import (
    ExampleKind,
    ExampleSource,
    Feedback,
    Interaction,
    TrainingExample,
)
from feedback.text.edit_distance import normalised_edit_distance
from feedback.text.tokens import distance, have_same_ending
from feedback.text.truncation import strip_truncated_sentence

# Pairs that hardly differ lower the likelihood of both sides (arXiv 2410.08847).
MIN_PAIR_DISTANCE = 0.1


def build_examples(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[TrainingExample, ...]:
    """All that is to be learned from the judgements, in order of (created_at, id).

    The newest judgement of a completion wins, and a correction replaces a like. Where one prompt
    was answered several times, its newest correction overrules older corrections and likes.
    Judgements of anything but finished chat turns are left out. `created_at` is the time of the
    turn; examples of equal content are merged into one that names all its sources.
    """
    known, applied = usable_feedback(interactions, feedback)
    pairs = list(_chosen_pairs(known, applied))
    chosen_between = {each.interaction_ids for each in pairs}
    made: list[TrainingExample] = []
    groups = list(by_prompt(aggregate_feedback(known, applied)))
    for group in groups:
        for target in target_replies(group):
            made.append(_target_example(target))
            pairs.extend(_correction_pair(target))
            pairs.extend(_regenerated_pairs(target, group, chosen_between))
    paired = {name for each in pairs for name in each.interaction_ids}
    for group in groups:
        made.extend(_disliked_alone(group, paired))
    return _merged([*made, *pairs])


def target_examples(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[TrainingExample, ...]:
    """The corrected and liked replies among `build_examples`, in the same order, and nothing else.

    Compares no texts, so it is quick.
    """
    return _merged(_target_examples(aggregate_feedback(*usable_feedback(interactions, feedback))))


def rated_examples(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[TrainingExample, ...]:
    """The corrected, liked and disliked replies, and the pairs that the user chose between.

    Like `build_examples`, but that a disliked reply stands by itself also where it makes a pair.
    Compares no texts, so it is quick.
    """
    known, applied = usable_feedback(interactions, feedback)
    held = aggregate_feedback(known, applied)
    made = [*_target_examples(held), *_disliked_examples(held), *_chosen_pairs(known, applied)]
    return _merged(made)


def feedback_behind(
    example_ids: Container[str], interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[Feedback, ...]:
    """The judgements that made the examples with these ids and still stand, by age.

    A dislike is among them where it made a row of its own. Unlike `build_examples` this compares no
    texts, so it is quick.
    """
    known, applied = usable_feedback(interactions, feedback)
    held = aggregate_feedback(known, applied)
    made = [_target_example(each.target_reply) for each in held if each.target_reply is not None]
    made.extend(_disliked_examples(held))
    made.extend(_chosen_pairs(known, applied))
    wanted = [each for each in made if each.id in example_ids]
    named = {(each.user_id, name) for each in wanted for name in each.feedback_ids}
    return tuple(each for each in applied if (each.user_id, each.id) in named)


def _correction_pair(target: TargetReply) -> Iterator[TrainingExample]:
    """What the person wrote over what the model did."""
    own = target.interaction
    if target.source is ExampleSource.CORRECTION and _differ(target.reply, own.reply):
        yield _pair(
            own, target.reply, own.reply, ExampleSource.CORRECTION, (own,), (target.feedback,)
        )


def _regenerated_pairs(
    target: TargetReply, group: list[JudgedReply], chosen_between: Container[tuple[str, ...]]
) -> Iterator[TrainingExample]:
    """The target over earlier replies to its prompt that were disliked or answered again.

    Where the user has chosen between the two, that choice counts.
    """
    own = target.interaction
    for earlier in group:
        other = earlier.interaction
        both = own, other
        if (
            _was_not_enough(earlier, own)
            and (other.created_at, other.id) < (own.created_at, own.id)
            and _ids(both) not in chosen_between
            and _differ(target.reply, other.reply)
        ):
            judged = (target.feedback, *((earlier.rated,) if earlier.rated else ()))
            yield _pair(own, target.reply, other.reply, ExampleSource.REGENERATED, both, judged)


def _was_not_enough(earlier: JudgedReply, later: Interaction) -> bool:
    """Whether a reply was disliked, or passed over by asking again in the same conversation."""
    is_same_conversation = earlier.interaction.conversation_id == later.conversation_id
    return earlier.is_disliked or (earlier.is_unrated and is_same_conversation)


def _disliked_alone(group: list[JudgedReply], paired: Set[str]) -> Iterator[TrainingExample]:
    """Disliked replies that are in no pair and unlike all that is to be learned there."""
    wanted = target_replies(group)
    for each in _disliked_examples(group):
        is_unlike = all(_differ(target.reply, each.reply) for target in wanted)
        if is_unlike and paired.isdisjoint(each.interaction_ids):
            yield each


def _disliked_examples(group: Iterable[JudgedReply]) -> Iterator[TrainingExample]:
    for each in group:
        own, rated = each.interaction, each.rated
        if each.is_disliked and each.corrected is None and rated is not None and own.reply.strip():
            yield _example(
                ExampleKind.UNDESIRABLE,
                own,
                "",
                own.reply,
                ExampleSource.DISLIKED,
                (own,),
                (rated,),
            )


def _target_examples(held: Iterable[JudgedReply]) -> list[TrainingExample]:
    return [_target_example(each) for group in by_prompt(held) for each in target_replies(group)]


def _target_example(target: TargetReply) -> TrainingExample:
    own, reply, judged = target.interaction, target.reply, (target.feedback,)
    if target.source is ExampleSource.CORRECTION:
        return _example(
            ExampleKind.SFT,
            own,
            reply,
            None,
            ExampleSource.CORRECTION,
            (own,),
            judged,
            revised_from=_corrected_text(own, reply),
        )
    return _example(ExampleKind.DESIRABLE, own, reply, None, target.source, (own,), judged)


def _corrected_text(turn: Interaction, correction: str) -> str:
    """What was corrected: of a reply that was cut off, the whole part where that is nearer.

    Who leaves out the half sentence at its end does not ask for shorter replies.
    """
    texts = (
        (turn.reply, strip_truncated_sentence(turn.reply)) if turn.is_truncated else (turn.reply,)
    )
    return min(texts, key=lambda text: distance(text, correction))


def _chosen_pairs(
    known: dict[str, Interaction], applied: list[Feedback]
) -> Iterator[TrainingExample]:
    """Pairs that the user chose between; of two choices between the same two the newest counts."""
    newest = {
        frozenset((each.completion_id, each.preferred_over)): each
        for each in applied
        if each.preferred_over in known
    }
    for feedback in newest.values():
        winner, loser = known[feedback.completion_id], known[feedback.preferred_over or ""]
        if prompt_key(winner) == prompt_key(loser) and winner.reply.strip() != loser.reply.strip():
            yield _pair(
                winner,
                winner.reply,
                loser.reply,
                ExampleSource.PREFERENCE,
                (winner, loser),
                (feedback,),
            )


def _differ(chosen: str, rejected: str) -> bool:
    return normalised_edit_distance(chosen, rejected) > MIN_PAIR_DISTANCE


def _pair(
    turn: Interaction,
    chosen: str,
    rejected: str,
    source: ExampleSource,
    interactions: tuple[Interaction, ...],
    feedback: tuple[Feedback, ...],
) -> TrainingExample:
    return _example(ExampleKind.DPO, turn, chosen, rejected, source, interactions, feedback)


def _example(
    kind: ExampleKind,
    turn: Interaction,
    chosen: str,
    rejected: str | None,
    source: ExampleSource,
    interactions: tuple[Interaction, ...],
    feedback: tuple[Feedback, ...],
    revised_from: str | None = None,
) -> TrainingExample:
    rated = rejected if kind is ExampleKind.UNDESIRABLE else chosen
    return TrainingExample(
        user_id=turn.user_id,
        kind=kind,
        prompt=turn.messages,
        chosen=chosen,
        rejected=rejected,
        source=source,
        conversation_id=turn.conversation_id,
        interaction_ids=_ids(interactions),
        feedback_ids=tuple(sorted(each.id for each in feedback)),
        created_at=turn.created_at,
        revised_from=revised_from,
        is_truncated=turn.is_truncated and have_same_ending(rated or "", turn.reply),
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
