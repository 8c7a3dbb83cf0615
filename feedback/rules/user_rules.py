"""A user's rules: learned from feedback, then pinned or dropped by the user. Pure.

Corrections show rules clearly, ratings and preferences less so. A dropped rule is never active; a
pinned rule always is, whatever the feedback shows.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from feedback.records import TrainingExample
from feedback.rules.from_corrections import Edit, LearnedRule, evidence, learned_rules
from feedback.rules.from_ratings import (
    RatedText,
    discriminative_rules,
    ratings_evidence,
    ratings_of,
)
from feedback.rules.rule import Rule, are_exclusive, compatible, in_order

MAX_DECISIONS = 64
"""Stored decisions per user."""


class RuleStatus(StrEnum):
    """Whether a rule is `LEARNED` without a decision, or the user `PINNED` or `DROPPED` it."""

    LEARNED = "learned"
    PINNED = "pinned"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class RuleDecision:
    """A user's decision on one rule; `status` is `PINNED` or `DROPPED`."""

    user_id: str
    rule: Rule
    status: RuleStatus
    decided_at: float


@dataclass(frozen=True, slots=True)
class UserRule:
    """A rule with its status, the ids of the feedback that shows it, and counts for and against."""

    rule: Rule
    status: RuleStatus
    support: int
    against: int
    feedback_ids: tuple[str, ...]
    decided_at: float | None


def rule_id(rule: Rule) -> str:
    """The rule's id in URLs; it depends only on the attribute and the value."""
    return f"rule-{sha256(json.dumps([rule.attribute, rule.value]).encode()).hexdigest()[:32]}"


def informative_examples(examples: Iterable[TrainingExample]) -> tuple[TrainingExample, ...]:
    """The examples that can show rules."""
    return tuple(
        each
        for each in examples
        if each.messages and (each.revised_from is not None or ratings_of(each))
    )


def learn_rules(examples: Iterable[TrainingExample]) -> tuple[LearnedRule, ...]:
    """The rules that the examples show, in order of application.

    `places` are indices into `informative_examples(examples)`. If two rules exclude each other,
    corrections outrank ratings.
    """
    informative = informative_examples(examples)
    edit_places, edits = _edits(informative)
    rating_places, ratings = _ratings(informative)
    from_edits = [_reindexed(each, edit_places) for each in learned_rules(edits)]
    from_ratings = [_reindexed(each, rating_places) for each in discriminative_rules(ratings)]
    found = {each.rule: each for each in (*from_ratings, *from_edits)}
    rules = [each.rule for each in from_edits]
    more = compatible(rules, [each.rule for each in from_ratings])
    return tuple(found[rule] for rule in in_order([*rules, *more]))


def exclude_each_other(one: RuleDecision, other: RuleDecision) -> bool:
    """Whether only one decision can hold: both are on one rule, or pin exclusive rules."""
    both_pinned = one.status is other.status is RuleStatus.PINNED
    return one.rule == other.rule or (both_pinned and are_exclusive(one.rule, other.rule))


def resolve(learned: Iterable[Rule], decisions: Iterable[RuleDecision]) -> dict[Rule, RuleStatus]:
    """The status of every learned rule and every rule decided on, in order of application.

    The newest of decisions that exclude each other holds. A learned rule that a pinned rule
    excludes is omitted.
    """
    valid: list[RuleDecision] = []
    for each in sorted(decisions, key=lambda each: (-each.decided_at, each.rule.value)):
        if not any(exclude_each_other(each, newer) for newer in valid):
            valid.append(each)
    pinned = [each.rule for each in valid if each.status is RuleStatus.PINNED]
    statuses = {
        rule: RuleStatus.LEARNED
        for rule in learned
        if not any(are_exclusive(rule, other) for other in pinned)
    }
    statuses |= {each.rule: each.status for each in valid}
    return {rule: statuses[rule] for rule in in_order([*statuses])}


def active_rules(
    learned: Iterable[LearnedRule], decisions: Iterable[RuleDecision]
) -> tuple[Rule, ...]:
    """The rules that synthetic examples teach, in order of application."""
    statuses = resolve([each.rule for each in learned], decisions)
    return tuple(rule for rule, status in statuses.items() if status is not RuleStatus.DROPPED)


def user_rules(
    informative: Sequence[TrainingExample],
    learned: Iterable[LearnedRule],
    decisions: Sequence[RuleDecision],
) -> tuple[UserRule, ...]:
    """Every rule that was learned or decided on. `learned` are the rules of the `informative`."""
    found = {each.rule: each for each in learned}
    decided_at = {each.rule: each.decided_at for each in decisions}
    rules = []
    for rule, status in resolve(found, decisions).items():
        shown = found.get(rule) or _evidence(rule, informative)
        ids = {name for place in shown.places for name in informative[place].feedback_ids}
        rules.append(
            UserRule(
                rule=rule,
                status=status,
                support=shown.support,
                against=shown.against,
                feedback_ids=tuple(sorted(ids)),
                decided_at=decided_at.get(rule),
            )
        )
    return tuple(rules)


def _evidence(rule: Rule, informative: Sequence[TrainingExample]) -> LearnedRule:
    """What shows a rule and what speaks against it, learned or not."""
    edit_places, edits = _edits(informative)
    rating_places, ratings = _ratings(informative)
    edited = _reindexed(evidence(rule, edits), edit_places)
    rated = _reindexed(ratings_evidence(rule, ratings), rating_places)
    return LearnedRule(
        rule,
        edited.support + rated.support,
        edited.against + rated.against,
        edited.places + rated.places,
    )


def _reindexed(learned: LearnedRule, places: Sequence[int]) -> LearnedRule:
    """Re-index `places` from the sub-sequence to the whole sequence."""
    return replace(learned, places=tuple(places[at] for at in learned.places))


def _edits(informative: Sequence[TrainingExample]) -> tuple[list[int], list[Edit]]:
    """The corrections, with the place of each."""
    places = [place for place, each in enumerate(informative) if each.revised_from is not None]
    return places, [
        Edit(each.messages[-1].content, each.revised_from or "", each.chosen, each.created_at)
        for each in (informative[place] for place in places)
    ]


def _ratings(informative: Sequence[TrainingExample]) -> tuple[list[int], list[RatedText]]:
    """The liked and disliked replies, with the place of each; a preference has two."""
    placed = [
        (place, rating) for place, each in enumerate(informative) for rating in ratings_of(each)
    ]
    return [place for place, _ in placed], [rating for _, rating in placed]
