"""Says in notes what corrections have in common: a small base heeds that sooner. Pure."""

from collections.abc import Iterable, Sequence

from feedback.records import Demonstration
from feedback.rules.attributes.attribute import Change
from feedback.rules.explained import are_unexplained
from feedback.rules.from_corrections import Edit, LearnedRule, learned_rules
from feedback.rules.overrides import overridden
from feedback.rules.rule import Rule
from feedback.rules.user_rules import RuleDecision, active_rules

ANSWER_FIRST = "Answer the question."
"""Without it a small base may write the form alone: a heading, and nothing below it."""
MAX_CORRECTIONS = 5
"""The newest that count: a chat waits while rules are learned, 0.2 s for five of 800 characters."""


def rules_of(
    demonstrations: Iterable[Demonstration], decisions: Sequence[RuleDecision] = ()
) -> tuple[Rule, ...]:
    """The rules of the newest corrections.

    There are none if rules do not explain the corrections: then the words are meant, not the form.
    Rules that the user pinned are always among them, dropped ones never.
    """
    return active_rules(explaining_rules(newest_edits(demonstrations)), decisions)


def newest_edits(demonstrations: Iterable[Demonstration]) -> tuple[Edit, ...]:
    """The newest corrections among them, oldest first."""
    edits = tuple(
        Edit(each.question, each.original, each.reply, each.feedback_at)
        for each in sorted(demonstrations, key=lambda each: (each.feedback_at, each.example_id))
        if each.original is not None
    )
    return edits[-MAX_CORRECTIONS:]


def explaining_rules(edits: Sequence[Edit]) -> tuple[LearnedRule, ...]:
    """The rules of the edits, or none if they do not explain them."""
    learned = learned_rules(edits)
    changes = [Change(each.original, each.corrected) for each in edits]
    return () if are_unexplained([each.rule for each in learned], changes) else learned


def rule_notes(rules: Sequence[Rule], question: str = "") -> tuple[str, ...]:
    """One note that asks for the rules, without those that the question overrides, or none."""
    dropped = overridden(rules, question)
    asked = [rule.instruction for rule in rules if rule not in dropped]
    return (" ".join((ANSWER_FIRST, *asked)),) if asked else ()
