"""Dislikes that a rule explains, as the corrections that it would make of them. Pure.

A dislike says only that something was wrong. Where a rule of its user says what, the reply can be
put right, and teaches what to do instead.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from feedback.examples.dataset import with_splits
from feedback.examples.synthetic import synthetic_example
from feedback.records import Dataset, ExampleKind, TrainingExample
from feedback.rules.overrides import overridden
from feedback.rules.rule import Rule


def with_repaired_dislikes(
    dataset: Dataset, rules: Sequence[Rule]
) -> tuple[Dataset, tuple[str, ...]]:
    """The dataset with its explained dislikes put right, and how many in a sentence.

    On both sides: what a rule makes of a held-out reply was not taught either. A reply that keeps
    the rules was disliked for something else, and stays a dislike.
    """
    known = {each.id for each in dataset.examples}
    train = tuple(_repaired(dataset.train, rules, known))
    held_out = tuple(_repaired(dataset.held_out, rules, known))
    disliked, left = _dislikes(dataset.examples), _dislikes((*train, *held_out))
    if left == disliked:
        return dataset, ()
    replies = "disliked reply" if disliked == 1 else "disliked replies"
    sentence = (
        f"The rules explain {disliked - left} of {disliked} {replies}: taught is what they make of"
        " them."
    )
    return with_splits(dataset, train, held_out), (sentence,)


def _repaired(
    examples: Iterable[TrainingExample], rules: Sequence[Rule], known: set[str]
) -> Iterator[TrainingExample]:
    """No reply that is put right may make a row that is there already."""
    for each in examples:
        row = _repair(each, rules) if each.kind is ExampleKind.UNDESIRABLE else None
        if row is None or row.id in known:
            yield each
        else:
            known.add(row.id)
            yield row


def _repair(disliked: TrainingExample, rules: Sequence[Rule]) -> TrainingExample | None:
    question = disliked.prompt[-1].content if disliked.prompt else ""
    if overridden(rules, question):
        return None
    row = synthetic_example(disliked.user_id, rules, question, disliked.reply)
    if row is None or row.chosen == row.revised_from:
        return None
    return replace(
        disliked,
        kind=ExampleKind.SFT,
        chosen=row.chosen,
        rejected=None,
        revised_from=row.revised_from,
        is_truncated=row.is_truncated,
    )


def _dislikes(examples: Iterable[TrainingExample]) -> int:
    return sum(each.kind is ExampleKind.UNDESIRABLE for each in examples)
