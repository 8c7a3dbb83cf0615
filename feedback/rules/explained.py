"""How much of what a user wrote their rules explain. Pure.

If the rules of a user's edits make most of the corrections from the base's replies, form is what
was meant. If the user wrote other words (facts, another language, code), rules would teach the form
only: such an adapter said false things in the right form.
"""

from collections.abc import Iterable, Sequence

from feedback.records import ExampleSource, TrainingExample
from feedback.rules.from_corrections import MAX_NEWEST
from feedback.rules.rule import Rule, rewrite
from feedback.rules.user_rules import learn_rules
from feedback.text.tokens import common_tokens, tokens

MOST_UNEXPLAINED = 0.5
"""Above this share of tokens that the rules do not make, rules may not teach. Of users whose edits
a function made it was 0.00 to 0.48, of users who wrote by hand 0.55 to 0.94."""


def are_own_words(examples: Iterable[TrainingExample]) -> bool:
    """Whether the newest corrections say what no rule makes of the replies that they correct.

    If they show no rule at all, their words are meant, however few they changed.
    """
    edits = [
        each
        for each in sorted(examples, key=lambda each: (each.created_at, each.id))
        if each.source is ExampleSource.CORRECTION and each.revised_from is not None
    ]
    newest = edits[-MAX_NEWEST:]
    rules = [each.rule for each in learn_rules(newest)]
    if not rules:
        return bool(newest)
    return unexplained_share(rules, newest) > MOST_UNEXPLAINED


def unexplained_share(rules: Sequence[Rule], edits: Sequence[TrainingExample]) -> float:
    """The share, in 0..1, of the corrections' tokens that rules do not make of the originals."""
    made = total = 0
    for each in edits:
        made += common_tokens(rewrite(rules, each.revised_from or ""), each.chosen)
        total += len(tokens(each.chosen))
    return 1 - made / total if total else 0.0
