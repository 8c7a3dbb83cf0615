"""Keeps out of the weights what rules cannot make of the base's replies; memory shows it instead.

A fit learns from few corrections what it meets most often in them: their form. If the rules of a
user's edits make most of what the user wrote, form is what was meant. If the user wrote other words
(facts, another language, code), an adapter that was taught them said false things in their form.
"""

from collections.abc import Sequence

from feedback.filters.records import DatedExample, Rejection, RejectionReason
from feedback.records import ExampleSource, TrainingExample
from feedback.rules.from_corrections import MAX_NEWEST
from feedback.rules.rule import Rule, rewrite
from feedback.rules.user_rules import learn_rules
from feedback.text.tokens import common_tokens, tokens

MOST_UNMADE = 0.5
"""Above this share of tokens that the rules do not make, corrections are not taught. Of users whose
edits a function made it was 0.00 to 0.48, of users who wrote by hand 0.55 to 0.94."""

OWN_WORDS_WHY = (
    "Corrections in the user's own words are shown from memory: the weights would learn their form"
    " only."
)


def rejections(examples: Sequence[DatedExample]) -> dict[str, Rejection]:
    """Reject all corrections of replies, or none."""
    by_age = sorted(examples, key=lambda each: each.age)
    corrections = [each for each in by_age if each.example.source is ExampleSource.CORRECTION]
    edits = [each.example for each in corrections if each.example.revised_from is not None]
    if not edits:
        return {}
    newest = edits[-MAX_NEWEST:]
    rules = [each.rule for each in learn_rules(newest)]
    if unmade_share(rules, newest) <= MOST_UNMADE:
        return {}
    return {each.id: Rejection(RejectionReason.OWN_WORDS, OWN_WORDS_WHY) for each in corrections}


def unmade_share(rules: Sequence[Rule], edits: Sequence[TrainingExample]) -> float:
    """The share, in 0..1, of the corrections' tokens that rules do not make of the originals."""
    made = total = 0
    for each in edits:
        made += common_tokens(rewrite(rules, each.revised_from or ""), each.chosen)
        total += len(tokens(each.chosen))
    return 1 - made / total if total else 0.0
