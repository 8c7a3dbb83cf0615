"""A user's rules: what judgements have in common, and what the user decided about it. Pure.

Corrections show rules, and so do thumbs and choices, if less clearly. A dropped rule never stands;
a pinned one stands whatever the judgements show.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from feedback.records import ExampleKind, ExampleSource, TrainingExample
from feedback.rules.from_corrections import Edit, LearnedRule, evidence, learned_rules
from feedback.rules.from_ratings import RatedText, discriminative_rules, ratings_evidence
from feedback.rules.rule import Rule, are_exclusive, compatible, in_order

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
    """A rule with what speaks for it: judgements, by their ids, and the user."""

    rule: Rule
    status: RuleStatus
    support: int
    against: int
    feedback_ids: tuple[str, ...]
    decided_at: float | None


def rule_id(rule: Rule) -> str:
    """A rule's name in addresses; it depends on property and value alone."""
    return f"rule-{sha256(json.dumps([rule.attribute, rule.value]).encode()).hexdigest()[:32]}"


def informative_examples(examples: Iterable[TrainingExample]) -> tuple[TrainingExample, ...]:
    """The examples that can show rules. Rules changed proposals, so those show none."""
    return tuple(
        each
        for each in examples
        if each.prompt
        and not each.source.is_proposal
        and (each.revised_from is not None or _ratings_of(each))
    )


def learned_rules_of(examples: Iterable[TrainingExample]) -> tuple[LearnedRule, ...]:
    """What the examples agree on, in order of application; `places` are places in `informative_examples`.

    Of what excludes each other, corrections count more than thumbs.
    """
    told = informative_examples(examples)
    edit_places, edits = _edits(told)
    thumb_places, thumbs = _ratings(told)
    learned = [_among(each, edit_places) for each in learned_rules(edits)]
    parting = [_among(each, thumb_places) for each in discriminative_rules(thumbs)]
    found = {each.rule: each for each in (*parting, *learned)}
    corrected = [each.rule for each in learned]
    joining = compatible(corrected, [each.rule for each in parting])
    return tuple(found[rule] for rule in in_order([*corrected, *joining]))


def exclude_each_other(one: RuleDecision, other: RuleDecision) -> bool:
    """Whether only one of the decisions can hold: on one rule, or two pins of rivals."""
    both_pinned = one.status is other.status is RuleStatus.PINNED
    return one.rule == other.rule or (both_pinned and are_exclusive(one.rule, other.rule))


def resolve(learned: Iterable[Rule], decisions: Iterable[RuleDecision]) -> dict[Rule, RuleStatus]:
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
        if not any(are_exclusive(rule, other) for other in pinned)
    }
    statuses |= {each.rule: each.status for each in holding}
    return {rule: statuses[rule] for rule in in_order([*statuses])}


def active_rules(
    learned: Iterable[LearnedRule], decisions: Iterable[RuleDecision]
) -> tuple[Rule, ...]:
    """The rules that are to be practised, in order of application."""
    statuses = resolve([each.rule for each in learned], decisions)
    return tuple(rule for rule, status in statuses.items() if status is not RuleStatus.DROPPED)


def user_rules(
    told: Sequence[TrainingExample],
    learned: Iterable[LearnedRule],
    decisions: Sequence[RuleDecision],
) -> tuple[UserRule, ...]:
    """Every rule that stands or was decided on. `learned` are the rules behind what is told."""
    found = {each.rule: each for each in learned}
    decided_at = {each.rule: each.decided_at for each in decisions}
    rules = []
    for rule, status in resolve(found, decisions).items():
        shown = found.get(rule) or _evidence(rule, told)
        ids = {name for place in shown.places for name in told[place].feedback_ids}
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


def _evidence(rule: Rule, told: Sequence[TrainingExample]) -> LearnedRule:
    """What speaks for a rule and against it, standing or not."""
    edit_places, edits = _edits(told)
    thumb_places, thumbs = _ratings(told)
    edited = _among(evidence(rule, edits), edit_places)
    thumbed = _among(ratings_evidence(rule, thumbs), thumb_places)
    return LearnedRule(
        rule,
        edited.support + thumbed.support,
        edited.against + thumbed.against,
        edited.places + thumbed.places,
    )


def _among(learned: LearnedRule, places: Sequence[int]) -> LearnedRule:
    """The rule with places in a sequence of which what it was learned from is a part."""
    return replace(learned, places=tuple(places[at] for at in learned.places))


def _edits(told: Sequence[TrainingExample]) -> tuple[list[int], list[Edit]]:
    """The corrections, with the place of each."""
    places = [place for place, each in enumerate(told) if each.revised_from is not None]
    rows = (told[place] for place in places)
    return places, [
        Edit(each.prompt[-1].content, each.revised_from or "", each.chosen, each.created_at)
        for each in rows
    ]


def _ratings(told: Sequence[TrainingExample]) -> tuple[list[int], list[RatedText]]:
    """The liked and disliked replies, with the place of each; of a choice two at one place."""
    placed = [(place, thumb) for place, each in enumerate(told) for thumb in _ratings_of(each)]
    return [place for place, _ in placed], [thumb for _, thumb in placed]


def _ratings_of(example: TrainingExample) -> tuple[RatedText, ...]:
    """What was liked or disliked as it is; of a choice both. What was corrected is neither.

    A reply that was asked for again stands where it was liked, too.
    """
    liked = RatedText(example.chosen, True, example.created_at)
    disliked = RatedText(example.rejected or "", False, example.created_at)
    match example.kind, example.source:
        case ExampleKind.DESIRABLE, _:
            return (liked,)
        case (ExampleKind.UNDESIRABLE, _) | (ExampleKind.DPO, ExampleSource.REGENERATED):
            return (disliked,)
        case ExampleKind.DPO, ExampleSource.PREFERENCE:
            return liked, disliked
    return ()
