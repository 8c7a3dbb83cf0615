"""How much of what a user wrote their rules explain. Pure.

If the rules of a user's edits make most of the corrections from the base's replies, form is what
was meant. If the user wrote other words (facts, another language, code), rules would teach the form
only: such an adapter said false things in the right form.
"""

from collections.abc import Iterable, Sequence

from feedback.records import ExampleSource, TrainingExample
from feedback.rules.attributes.attribute import Change
from feedback.rules.from_corrections import MAX_NEWEST
from feedback.rules.induction import is_made
from feedback.rules.rule import Rule, rewrite
from feedback.rules.user_rules import learn_rules
from feedback.text.tokens import common_tokens, tokens

MOST_UNEXPLAINED = 0.5
"""Above this share of tokens that the rules do not make, rules may not teach. Of users whose edits
a function made it was 0.00 to 0.48, of users who wrote by hand 0.55 to 0.94."""

MIN_SHOWN = 0.5
"""Below this share of corrections that introduce a rule, rules may not teach: the user meant what
no rule says. Of users whose edits a function made by a rule it was 0.75 to 1, of one who put "is
not" for "is" 0.1 and 0.4."""


def are_own_words(examples: Iterable[TrainingExample]) -> bool:
    """Whether the newest corrections say what no rule makes of the replies that they correct.

    If most of them show no rule, their words are meant, however few they changed.
    """
    edits = [
        each
        for each in sorted(examples, key=lambda each: (each.created_at, each.id))
        if each.source is ExampleSource.CORRECTION and each.revised_from is not None
    ]
    newest = edits[-MAX_NEWEST:]
    rules = [each.rule for each in learn_rules(newest)]
    return are_unexplained(rules, [Change(e.revised_from or "", e.chosen) for e in newest])


def are_unexplained(rules: Sequence[Rule], changes: Sequence[Change]) -> bool:
    """Whether corrections say what the rules do not make of the replies that they correct."""
    if shown_share(rules, changes) < MIN_SHOWN:
        return True
    return unexplained_share(rules, changes) > MOST_UNEXPLAINED


def shown_share(rules: Sequence[Rule], changes: Sequence[Change]) -> float:
    """The share, in 0..1, of the corrections that introduce one of the rules; 1 without any."""
    shown = sum(any(is_made(rule, change) for rule in rules) for change in changes)
    return shown / len(changes) if changes else 1.0


def unexplained_share(rules: Sequence[Rule], changes: Sequence[Change]) -> float:
    """The share, in 0..1, of the corrections' tokens that rules do not make of the originals."""
    made = total = 0
    for each in changes:
        made += common_tokens(rewrite(rules, each.original), each.corrected)
        total += len(tokens(each.corrected))
    return 1 - made / total if total else 0.0
