"""Turns dislikes that the user's rules explain into corrections by those rules. Pure."""

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
    """The dataset with its explained dislikes repaired, and a sentence that counts them.

    Both splits are repaired: a repaired held-out reply is not trained on either. A reply that
    follows the rules was disliked for something else and stays a dislike.
    """
    known = {each.id for each in dataset.examples}
    train = tuple(_repaired(dataset.train, rules, known))
    held_out = tuple(_repaired(dataset.held_out, rules, known))
    disliked, left = _count_dislikes(dataset.examples), _count_dislikes((*train, *held_out))
    if left == disliked:
        return dataset, ()
    replies = "disliked reply" if disliked == 1 else "disliked replies"
    sentence = (
        f"The rules explain {disliked - left} of {disliked} {replies}: training uses the rewritten"
        " replies."
    )
    return with_splits(dataset, train, held_out), (sentence,)


def _repaired(
    examples: Iterable[TrainingExample], rules: Sequence[Rule], known: set[str]
) -> Iterator[TrainingExample]:
    """The examples, repaired if that makes no example that is `known`."""
    for each in examples:
        repaired = _repair(each, rules) if each.kind is ExampleKind.UNDESIRABLE else None
        if repaired is None or repaired.id in known:
            yield each
        else:
            known.add(repaired.id)
            yield repaired


def _repair(disliked: TrainingExample, rules: Sequence[Rule]) -> TrainingExample | None:
    prompt = disliked.messages[-1].content if disliked.messages else ""
    if overridden(rules, prompt):
        return None
    example = synthetic_example(disliked.user_id, rules, prompt, disliked.reply)
    if example is None or example.chosen == example.revised_from:
        return None
    return replace(
        disliked,
        kind=ExampleKind.SFT,
        chosen=example.chosen,
        rejected=None,
        revised_from=example.revised_from,
        is_truncated=example.is_truncated,
    )


def _count_dislikes(examples: Iterable[TrainingExample]) -> int:
    return sum(each.kind is ExampleKind.UNDESIRABLE for each in examples)
