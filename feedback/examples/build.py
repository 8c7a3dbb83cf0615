"""Builds training examples from feedback. Pure; the order of the input does not matter.

A corrected or liked reply is a target; a pair adds a reply to move away from. A dislike makes an
example of its own only if it is in no pair, because a better reply teaches more.
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
from feedback.records import ExampleKind, ExampleSource, Feedback, Interaction, TrainingExample
from feedback.text.edit_distance import normalised_edit_distance
from feedback.text.tokens import distance, have_same_ending
from feedback.text.truncation import strip_truncated_sentence

# Pairs that hardly differ lower the likelihood of both replies (arXiv 2410.08847).
MIN_PAIR_DISTANCE = 0.1
# Longer texts are never trained on, and comparing them would take seconds.
MAX_COMPARED_CHARACTERS = 20_000


def build_examples(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[TrainingExample, ...]:
    """All training examples that the feedback makes, in order of (created_at, id).

    The newest feedback on a completion wins, and a correction replaces a like. If a prompt has
    several replies, its newest correction overrules older corrections and likes. Only finished
    chat turns count. `created_at` is the time of the turn. Equal examples are merged into one
    that names all its sources.
    """
    known, applied = usable_feedback(interactions, feedback)
    pairs = list(_preference_pairs(known, applied))
    compared = {each.interaction_ids for each in pairs}
    made: list[TrainingExample] = []
    groups = list(by_prompt(aggregate_feedback(known, applied)))
    for group in groups:
        for target in target_replies(group):
            made.append(_target_example(target))
            pairs.extend(_correction_pair(target))
            pairs.extend(_regenerated_pairs(target, group, compared))
    paired = {name for each in pairs for name in each.interaction_ids}
    for group in groups:
        made.extend(_unpaired_dislikes(group, paired))
    return _merged([*made, *pairs])


def rated_examples(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[TrainingExample, ...]:
    """The corrected, liked and disliked replies, and the pairs that the user compared.

    Unlike in `build_examples`, a disliked reply in a pair also makes an example of its own.
    Quick, because it compares no texts.
    """
    known, applied = usable_feedback(interactions, feedback)
    replies = aggregate_feedback(known, applied)
    pairs = _preference_pairs(known, applied)
    return _merged([*_target_examples(replies), *_disliked_examples(replies), *pairs])


def feedback_behind(
    example_ids: Container[str], interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> tuple[Feedback, ...]:
    """The feedback that made the examples with these ids and is not overruled, oldest first.

    Includes a dislike that made an example of its own. Quick, because it compares no texts.
    """
    known, applied = usable_feedback(interactions, feedback)
    replies = aggregate_feedback(known, applied)
    made = [_target_example(each.target_reply) for each in replies if each.target_reply is not None]
    made.extend(_disliked_examples(replies))
    made.extend(_preference_pairs(known, applied))
    wanted = [each for each in made if each.id in example_ids]
    named = {(each.user_id, name) for each in wanted for name in each.feedback_ids}
    return tuple(each for each in applied if (each.user_id, each.id) in named)


def possible_ids(
    interactions: Iterable[Interaction], feedback: Iterable[Feedback]
) -> frozenset[str]:
    """The ids of all examples that some item of feedback can make, even if another overrules it.

    What more feedback takes away was only overruled, except a pair whose regenerated reply gets a
    rating. So an id that a deletion or a change takes away was made by what is gone. Quick,
    because it compares no texts.
    """
    known, applied = usable_feedback(interactions, feedback)
    ever_disliked = {each.completion_id for each in applied if each.value == -1}
    groups = {
        prompt_key(group[0].interaction): group
        for group in by_prompt(aggregate_feedback(known, applied))
    }
    made: list[TrainingExample] = []
    for each in applied:
        alone = _judged_by(each, known[each.completion_id])
        made.extend(_disliked_examples([alone]))
        made.extend(_preference_pairs(known, [each]))
        target = alone.target_reply
        if target is None:
            continue
        made.append(_target_example(target))
        own, reply = target.interaction, target.reply
        if target.source is ExampleSource.CORRECTION:
            made.append(_pair(target.source, (own,), (each,), reply, own.reply))
        for other in groups[prompt_key(own)]:
            turn = other.interaction
            if turn.id in ever_disliked or _was_disliked_or_regenerated(other, own):
                made.append(
                    _pair(ExampleSource.REGENERATED, (own, turn), (each,), reply, turn.reply)
                )
    return frozenset(each.id for each in made)


def _judged_by(feedback: Feedback, turn: Interaction) -> JudgedReply:
    """The reply as if there were no other feedback on it."""
    return JudgedReply(
        turn,
        rated=None if feedback.value is None else feedback,
        corrected=None if feedback.correction is None else feedback,
    )


def _correction_pair(target: TargetReply) -> Iterator[TrainingExample]:
    """The correction over the original reply."""
    own = target.interaction
    is_correction = target.source is ExampleSource.CORRECTION and not own.is_unwritten
    if is_correction and _differ(target.reply, own.reply):
        yield _pair(ExampleSource.CORRECTION, (own,), (target.feedback,), target.reply, own.reply)


def _regenerated_pairs(
    target: TargetReply, group: list[JudgedReply], compared: Container[tuple[str, ...]]
) -> Iterator[TrainingExample]:
    """The target over earlier disliked or regenerated replies, unless the user compared the two."""
    own = target.interaction
    for earlier in group:
        other = earlier.interaction
        both = own, other
        if (
            _was_disliked_or_regenerated(earlier, own)
            and not other.is_unwritten
            and (other.created_at, other.id) < (own.created_at, own.id)
            and _ids(both) not in compared
            and _differ(target.reply, other.reply)
        ):
            feedback = (target.feedback, *((earlier.rated,) if earlier.rated else ()))
            yield _pair(ExampleSource.REGENERATED, both, feedback, target.reply, other.reply)


def _was_disliked_or_regenerated(earlier: JudgedReply, later: Interaction) -> bool:
    """An unrated reply with a later reply in the same conversation was regenerated."""
    is_same_conversation = earlier.interaction.conversation_id == later.conversation_id
    return earlier.is_disliked or (earlier.is_unrated and is_same_conversation)


def _unpaired_dislikes(group: list[JudgedReply], paired: Set[str]) -> Iterator[TrainingExample]:
    """Disliked replies that are in no pair and not close to any target."""
    targets = target_replies(group)
    for each in _disliked_examples(group):
        is_unlike = all(_differ(target.reply, each.reply) for target in targets)
        if is_unlike and paired.isdisjoint(each.interaction_ids):
            yield each


def _disliked_examples(group: Iterable[JudgedReply]) -> Iterator[TrainingExample]:
    for each in group:
        own, rated = each.interaction, each.rated
        if each.is_disliked and each.corrected is None and rated is not None and own.reply.strip():
            source = ExampleSource.DISLIKED
            yield _example(ExampleKind.UNDESIRABLE, source, (own,), (rated,), "", own.reply)


def _target_examples(replies: Iterable[JudgedReply]) -> list[TrainingExample]:
    return [_target_example(each) for group in by_prompt(replies) for each in target_replies(group)]


def _target_example(target: TargetReply) -> TrainingExample:
    own, reply = target.interaction, target.reply
    is_correction = target.source is ExampleSource.CORRECTION
    kind = ExampleKind.SFT if is_correction else ExampleKind.DESIRABLE
    revised_from = _corrected_text(own, reply) if is_correction else None
    return _example(kind, target.source, (own,), (target.feedback,), reply, None, revised_from)


def _corrected_text(turn: Interaction, correction: str) -> str:
    """The corrected reply, without its truncated sentence if that is closer: it is no edit."""
    if not turn.is_truncated or max(len(turn.reply), len(correction)) > MAX_COMPARED_CHARACTERS:
        return turn.reply
    texts = turn.reply, strip_truncated_sentence(turn.reply)
    return min(texts, key=lambda text: distance(text, correction))


def _preference_pairs(
    known: dict[str, Interaction], applied: list[Feedback]
) -> Iterator[TrainingExample]:
    """Pairs that the user compared; the newest preference between the same two replies counts."""
    newest = {
        frozenset((each.completion_id, each.preferred_over)): each
        for each in applied
        if each.preferred_over in known
    }
    for feedback in newest.values():
        winner, loser = known[feedback.completion_id], known[feedback.preferred_over or ""]
        if loser.is_unwritten:
            continue
        if prompt_key(winner) == prompt_key(loser) and winner.reply.strip() != loser.reply.strip():
            both = winner, loser
            yield _pair(ExampleSource.PREFERENCE, both, (feedback,), winner.reply, loser.reply)


def _differ(chosen: str, rejected: str) -> bool:
    if max(len(chosen), len(rejected)) > MAX_COMPARED_CHARACTERS:
        return chosen != rejected
    return normalised_edit_distance(chosen, rejected) > MIN_PAIR_DISTANCE


def _pair(
    source: ExampleSource,
    turns: tuple[Interaction, ...],
    feedback: tuple[Feedback, ...],
    chosen: str,
    rejected: str,
) -> TrainingExample:
    return _example(ExampleKind.DPO, source, turns, feedback, chosen, rejected)


def _example(
    kind: ExampleKind,
    source: ExampleSource,
    turns: tuple[Interaction, ...],
    feedback: tuple[Feedback, ...],
    chosen: str,
    rejected: str | None,
    revised_from: str | None = None,
) -> TrainingExample:
    """An example of the first of `turns`."""
    turn = turns[0]
    reply = rejected if kind is ExampleKind.UNDESIRABLE else chosen
    return TrainingExample(
        user_id=turn.user_id,
        kind=kind,
        messages=turn.messages,
        chosen=chosen,
        rejected=rejected,
        source=source,
        conversation_id=turn.conversation_id,
        interaction_ids=_ids(turns),
        feedback_ids=tuple(sorted(each.id for each in feedback)),
        created_at=turn.created_at,
        revised_from=revised_from,
        is_truncated=turn.is_truncated and have_same_ending(reply or "", turn.reply),
    )


def _ids(turns: Iterable[Interaction]) -> tuple[str, ...]:
    return tuple(sorted(each.id for each in turns))


def _merged(made: list[TrainingExample]) -> tuple[TrainingExample, ...]:
    """One example per user and content: the oldest, with the sources of all."""
    made.sort(key=lambda each: (each.created_at, each.id, each.source, each.interaction_ids))
    merged: dict[tuple[str, str], TrainingExample] = {}
    for each in made:
        key = (each.user_id, each.id)
        first = merged.setdefault(key, each)
        if first is not each:  # a copy would be hashed anew, and chats wait for this
            merged[key] = replace(
                first,
                interaction_ids=tuple(sorted({*first.interaction_ids, *each.interaction_ids})),
                feedback_ids=tuple(sorted({*first.feedback_ids, *each.feedback_ids})),
            )
    return tuple(merged.values())
