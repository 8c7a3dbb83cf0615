"""A user's rules: what corrections have in common, and what the user decided about it. Pure.

A dropped rule never stands; a pinned one stands whatever the corrections show.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from feedback.edits.learned import Edit, LearnedRule, evidence, learned_rules
from feedback.edits.rule import Rule, are_rivals, in_order
from feedback.proposals.records import APPROVED, EDITED
from feedback.records import TrainingExample

MAX_DECISIONS = 64
"""Decisions that are kept of one user."""


class RuleStatus(StrEnum):
    """Why a rule stands, or that it does not: nobody decided on a `LEARNED` one."""

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
    """A rule with what speaks for it: the corrections, by their judgements' ids, and the user."""

    rule: Rule
    status: RuleStatus
    support: int
    against: int
    feedback_ids: tuple[str, ...]
    decided_at: float | None


def rule_id(rule: Rule) -> str:
    """A rule's name in addresses; it depends on property and value alone."""
    return f"rule-{sha256(json.dumps([rule.property, rule.value]).encode()).hexdigest()[:32]}"


def corrections(examples: Iterable[TrainingExample]) -> tuple[TrainingExample, ...]:
    """The corrected replies among the examples. Rules changed proposals, so those show none."""
    return tuple(
        each
        for each in examples
        if each.revised_from is not None and each.prompt and each.source not in (APPROVED, EDITED)
    )


def rules_behind(examples: Iterable[TrainingExample]) -> tuple[LearnedRule, ...]:
    """What the corrections among the examples agree on; `edits` are places in `corrections`."""
    return learned_rules(_edits(corrections(examples)))


def exclude_each_other(one: RuleDecision, other: RuleDecision) -> bool:
    """Whether only one of the decisions can hold: on one rule, or two pins of rivals."""
    both_pinned = one.status is other.status is RuleStatus.PINNED
    return one.rule == other.rule or (both_pinned and are_rivals(one.rule, other.rule))


def decided(learned: Iterable[Rule], decisions: Iterable[RuleDecision]) -> dict[Rule, RuleStatus]:
    """What becomes of the learned rules and of those decided on, in order of application.

    Of decisions that exclude each other the newest holds. A learned rule that gives way to a
    pinned rival is left out.
    """
    holding: list[RuleDecision] = []
    for each in sorted(decisions, key=lambda each: (-each.decided_at, each.rule.value)):
        if not any(exclude_each_other(each, newer) for newer in holding):
            holding.append(each)
    pinned = [each.rule for each in holding if each.status is RuleStatus.PINNED]
    statuses = {
        rule: RuleStatus.LEARNED
        for rule in learned
        if not any(are_rivals(rule, other) for other in pinned)
    }
    statuses |= {each.rule: each.status for each in holding}
    return {rule: statuses[rule] for rule in in_order([*statuses])}


def standing(learned: Iterable[LearnedRule], decisions: Iterable[RuleDecision]) -> tuple[Rule, ...]:
    """The rules that are to be practised, in order of application."""
    statuses = decided([each.rule for each in learned], decisions)
    return tuple(rule for rule, status in statuses.items() if status is not RuleStatus.DROPPED)


def user_rules(
    corrected: Sequence[TrainingExample],
    learned: Iterable[LearnedRule],
    decisions: Sequence[RuleDecision],
) -> tuple[UserRule, ...]:
    """Every rule that stands or was decided on. `learned` are the rules behind the corrections."""
    found = {each.rule: each for each in learned}
    decided_at = {each.rule: each.decided_at for each in decisions}
    edits = _edits(corrected)
    rules = []
    for rule, status in decided(found, decisions).items():
        shown = found.get(rule) or evidence(rule, edits)
        ids = {name for place in shown.edits for name in corrected[place].feedback_ids}
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


def _edits(corrected: Iterable[TrainingExample]) -> list[Edit]:
    return [
        Edit(each.prompt[-1].content, each.revised_from or "", each.chosen, each.created_at)
        for each in corrected
    ]
