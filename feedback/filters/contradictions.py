"""Rejects examples that a newer example about the same prompt contradicts.

A correction says "this, not that", so it overrules older examples with another reply. A like says
only "this is fine", so two liked replies can coexist. The newest preference between the same two
replies wins.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from feedback.filters.near_duplicates import MIN_SIMILARITY
from feedback.filters.records import DatedExample, Rejection, RejectionReason
from feedback.records import ExampleSource, TrainingExample
from feedback.rules.attributes.spelling import CONTRACTIONS
from feedback.text.shingles import jaccard, shingles
from feedback.text.tokens import tokens

# Tokens that two versions of one question may differ in. No operators: "a++" is not "a--".
_IGNORED = frozenset(".,;:!?¿¡\"'“”‘’…") | {"a", "an", "the", "please", "kindly"}

NormalisedPrompt = tuple[tuple[str, tuple[str, ...]], ...]
"""The role and the compared tokens of each message."""


def rejections(examples: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The examples that a newer example about the same prompt contradicts, by id."""
    groups: dict[NormalisedPrompt, list[DatedExample]] = defaultdict(list)
    for each in sorted(examples, key=lambda each: each.age, reverse=True):
        groups[normalised_prompt(each.example)].append(each)
    return {
        each.id: cause
        for group in groups.values()
        if len(group) > 1
        for each, cause in (*_overruled(group), *_reversed(group))
    }


def normalised_prompt(example: TrainingExample) -> NormalisedPrompt:
    """Equal for near-equal prompts: those that differ only in case, spaces, punctuation, articles,
    contractions and "please"."""
    return tuple((turn.role, _normalised(turn.content)) for turn in example.messages)


def _normalised(text: str) -> tuple[str, ...]:
    long = CONTRACTIONS.transform(text.casefold(), "long") or text
    return tuple(token for token in tokens(long) if token.strip() and token not in _IGNORED)


def _overruled(group: Sequence[DatedExample]) -> Iterator[tuple[DatedExample, Rejection]]:
    """The examples that the newest correction of a prompt overrules. `group` is newest first."""
    written = [each for each in group if each.is_hand_written]
    if not written:
        return
    newest = written[0]
    new = shingles(newest.example.chosen)
    why = "A newer correction of the same prompt has another reply."
    for each in group:
        is_older = each.feedback_at < newest.feedback_at
        is_target = each.has_chosen and each.example.source is not ExampleSource.PREFERENCE
        if is_older and is_target and jaccard(shingles(each.example.chosen), new) < MIN_SIMILARITY:
            yield each, Rejection(RejectionReason.CONTRADICTED, why, newest.id)


def _reversed(group: Sequence[DatedExample]) -> Iterator[tuple[DatedExample, Rejection]]:
    """The pairs that a newer pair reverses. `group` is newest first."""
    newer: dict[tuple[str, str | None], DatedExample] = {}
    for each in group:
        chosen, rejected = each.example.chosen, each.example.rejected
        if rejected is None:
            continue
        reverse = newer.get((rejected, chosen))
        if reverse is not None:
            why = "A newer choice prefers the other reply."
            yield each, Rejection(RejectionReason.CONTRADICTED, why, reverse.id)
        newer.setdefault((chosen, rejected), each)
