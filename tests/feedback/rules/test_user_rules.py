"""Learned rules, and the user's decisions on them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.errors import InvalidFeedbackError, NotFoundError
from feedback.records import ExampleSource, TrainingExample
from feedback.rules.attributes.attribute import Change
from feedback.rules.attributes.registry import ATTRIBUTES
from feedback.rules.from_corrections import LearnedRule
from feedback.rules.induction import candidates
from feedback.rules.rule import Rule, are_exclusive, in_order
from feedback.rules.user_rules import (
    MAX_DECISIONS,
    RuleDecision,
    RuleStatus,
    active_rules,
    learn_rules,
    resolve,
    rule_id,
    user_rules,
)
from feedback.store.log import FeedbackLog
from tests.feedback.rules.rules import RULES
from tests.feedback.rules.strategies import made_replies, replies, rules
from tests.scheduler.training import make_example, make_rating

LOWER, UPPER = Rule("case", "lower"), Rule("case", "upper")
TEXT = "Paris is the capital. It lies on the Seine."
TEXTS = [f"Ann has {n} cats. In all, {n} of them are tame." for n in range(9)]
LOWER_TEXTS = [text.lower() for text in TEXTS]


def decision(rule: Rule, status: RuleStatus, at: float = 1.0) -> RuleDecision:
    return RuleDecision("ann", rule, status, at)


def pin(rule: Rule, at: float = 1.0) -> RuleDecision:
    return decision(rule, RuleStatus.PINNED, at)


def drop(rule: Rule, at: float = 1.0) -> RuleDecision:
    return decision(rule, RuleStatus.DROPPED, at)


def learned() -> st.SearchStrategy[list[Rule]]:
    """Rules as corrections show them: at most one value of an exclusive attribute."""
    found = st.lists(rules(), unique=True, max_size=8)
    return found.map(
        lambda many: [
            each
            for at, each in enumerate(many)
            if not any(are_exclusive(each, b) for b in many[:at])
        ]
    )


def decisions() -> st.SearchStrategy[list[RuleDecision]]:
    made = st.builds(
        decision,
        rules(),
        st.sampled_from([RuleStatus.PINNED, RuleStatus.DROPPED]),
        st.integers(0, 3).map(float),
    )
    return st.lists(made, unique_by=lambda each: each.rule, max_size=8)


def active(found: list[Rule], made: list[RuleDecision]) -> tuple[Rule, ...]:
    return active_rules([LearnedRule(each, 1, 0, ()) for each in found], made)


@given(learned(), decisions())
def test_a_dropped_rule_is_never_active(found: list[Rule], made: list[RuleDecision]) -> None:
    dropped = {each.rule for each in made if each.status is RuleStatus.DROPPED}
    assert dropped.isdisjoint(active(found, made))
    assert all(resolve(found, made)[rule] is RuleStatus.DROPPED for rule in dropped)


@given(learned(), decisions())
def test_the_newest_pin_of_an_attribute_is_active_whatever_was_learned(
    found: list[Rule], made: list[RuleDecision]
) -> None:
    pins = [each for each in made if each.status is RuleStatus.PINNED]
    for each in pins:
        rivals = [other for other in pins if are_exclusive(each.rule, other.rule)]
        if all(each.decided_at > other.decided_at for other in rivals):
            assert each.rule in active(found, made)


@given(learned(), decisions())
def test_an_exclusive_attribute_has_at_most_one_active_value(
    found: list[Rule], made: list[RuleDecision]
) -> None:
    rules_found = active(found, made)
    assert not any(are_exclusive(one, other) for one in rules_found for other in rules_found)


@given(learned(), decisions())
def test_a_learned_rule_is_active_unless_it_was_dropped_or_an_exclusive_one_is_pinned(
    found: list[Rule], made: list[RuleDecision]
) -> None:
    pinned = [each.rule for each in made if each.status is RuleStatus.PINNED]
    dropped = [each.rule for each in made if each.status is RuleStatus.DROPPED]
    for rule in found:
        gives_way = rule in dropped or any(are_exclusive(rule, other) for other in pinned)
        if not gives_way:
            assert rule in active(found, made)


@given(learned(), decisions())
def test_the_order_of_arrival_never_matters(found: list[Rule], made: list[RuleDecision]) -> None:
    statuses = resolve(found, made)
    assert list(statuses) == in_order(list(statuses))
    assert list(resolve(found[::-1], made[::-1]).items()) == list(statuses.items())


@given(learned())
def test_without_decisions_all_learned_rules_are_active(found: list[Rule]) -> None:
    assert list(active(found, [])) == in_order(found)


def test_a_rule_has_counts_for_and_against_it() -> None:
    corrected = [
        make_example("one?", TEXT.lower(), revised_from=TEXT),
        make_example("two?", TEXT.lower(), revised_from=TEXT),
        make_example("three?", TEXT + " Bye!", revised_from=TEXT),
    ]
    made = [drop(LOWER, 5.0), pin(UPPER, 6.0)]
    shown = {each.rule: each for each in user_rules(corrected, learn_rules(corrected), made)}
    dropped, pinned = shown[LOWER], shown[UPPER]
    assert (dropped.status, dropped.support, dropped.decided_at) == (RuleStatus.DROPPED, 2, 5.0)
    assert dropped.feedback_ids == ("one?", "two?")
    assert (pinned.support, pinned.against, pinned.feedback_ids) == (0, 3, ())


def rated(liked: list[str], disliked: list[str]) -> list[TrainingExample]:
    """Ratings, each on another prompt; the id of the feedback is the prompt."""
    return [
        *(make_rating(f"liked {n}", text, True) for n, text in enumerate(liked)),
        *(make_rating(f"disliked {n}", text, False) for n, text in enumerate(disliked)),
    ]


def test_ratings_show_a_rule_without_corrections() -> None:
    examples = rated(LOWER_TEXTS, TEXTS)
    [shown] = user_rules(examples, learn_rules(examples), [])
    assert (shown.rule, shown.support, shown.against) == (LOWER, 18, 0)
    assert shown.feedback_ids == tuple(sorted(each.messages[0].content for each in examples))


def test_corrections_outrank_ratings() -> None:
    corrected = make_example("question", TEXT.upper(), revised_from=TEXT)
    examples = [*rated(LOWER_TEXTS, TEXTS), corrected]
    assert [each.rule for each in learn_rules(examples)] == [UPPER]


def test_a_rule_that_both_show_has_the_evidence_of_the_corrections() -> None:
    corrected = make_example("question", TEXT.lower(), revised_from=TEXT)
    examples = [*rated(LOWER_TEXTS, TEXTS), corrected]
    [shown] = user_rules(examples, learn_rules(examples), [])
    assert (shown.rule, shown.support, shown.feedback_ids) == (LOWER, 1, ("question",))


def test_preferences_show_the_same_rules_as_ratings() -> None:
    pairs = [
        replace(make_example(text, text.lower(), text), source=ExampleSource.PREFERENCE)
        for text in TEXTS
    ]
    assert [each.rule for each in learn_rules(pairs)] == [LOWER]


def test_a_regenerated_reply_counts_as_disliked() -> None:
    again = [
        replace(make_example(text, text.lower(), text), source=ExampleSource.REGENERATED)
        for text in TEXTS
    ]
    assert learn_rules(again) == ()
    assert [each.rule for each in learn_rules([*again, *rated(LOWER_TEXTS, [])])] == [LOWER]


def test_a_rule_decided_on_has_the_evidence_of_corrections_and_ratings() -> None:
    corrected = make_example("corrected", TEXT.upper(), revised_from=TEXT)
    examples = [*rated([TEXT.upper()], [TEXT]), corrected]
    [shown] = user_rules(examples, [], [drop(UPPER)])
    assert (shown.support, shown.against) == (3, 0)
    assert shown.feedback_ids == ("corrected", "disliked 0", "liked 0")


def test_a_decision_replaces_those_that_it_excludes(log: FeedbackLog) -> None:
    bye = Rule("closing", " Bye!")
    for each in (pin(LOWER, 1.0), drop(bye, 2.0), pin(UPPER, 3.0), pin(bye, 4.0)):
        log.decide(each)
    assert log.decisions("ann") == [pin(UPPER, 3.0), pin(bye, 4.0)]
    assert log.decisions("bob") == []


def test_a_decision_and_its_withdrawal_count_as_feedback(log: FeedbackLog) -> None:
    log.decide(drop(LOWER, 10.0))
    assert log.feedback_since("ann", 0) == 1
    log.undo_rule_decision("ann", rule_id(LOWER), 20.0)
    assert log.feedback_since("ann", 1) == 1
    assert log.decisions("ann") == []


def test_the_same_decision_again_changes_nothing(log: FeedbackLog) -> None:
    log.decide(drop(LOWER, 10.0))
    log.decide(drop(LOWER, 20.0))
    assert log.decisions("ann") == [drop(LOWER, 10.0)]
    assert log.feedback_since("ann", 1) == 0


def test_another_users_decision_cannot_be_undone(log: FeedbackLog) -> None:
    log.decide(drop(LOWER))
    with pytest.raises(NotFoundError):
        log.undo_rule_decision("bob", rule_id(LOWER), 2.0)
    assert log.decisions("ann") == [drop(LOWER)]


def test_a_decision_beyond_the_limit_changes_nothing(log: FeedbackLog) -> None:
    for number in range(MAX_DECISIONS):
        log.decide(pin(Rule("words", f'["word{number}", ""]')))
    with pytest.raises(InvalidFeedbackError):
        log.decide(pin(LOWER))
    log.decide(drop(Rule("words", '["word0", ""]'), 2.0))
    assert len(log.decisions("ann")) == MAX_DECISIONS


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_every_rule_has_a_valid_value(rule: Rule) -> None:
    assert ATTRIBUTES[rule.attribute].is_value(rule.value)


@given(made_replies(), replies())
def test_every_rule_that_an_edit_suggests_has_a_valid_value(original: str, corrected: str) -> None:
    for rule in candidates([Change(original, corrected)] * 2):
        assert ATTRIBUTES[rule.attribute].is_value(rule.value), rule


VALUES = st.sampled_from([rule.value for rule in RULES]) | st.text(
    alphabet='ab A1:.,;\t\n"[]{}<>`*_', max_size=8
)


@given(st.sampled_from(sorted(ATTRIBUTES)), VALUES, replies())
def test_every_valid_value_makes_a_rule_that_works(name: str, value: str, text: str) -> None:
    if ATTRIBUTES[name].is_value(value):
        rule = Rule(name, value)
        assert rule.sentence
        changed = rule.apply(text)
        assert changed is None or rule.holds(changed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("case", "camel"),
        ("most sentences", "0"),
        ("list items", "-1"),
        ("words", "[]"),
        ("words", '["", "x"]'),
        ("words", '[" ", ""]'),
        ("words", "[1, 2]"),
        ("words", "[" * 5000),
        ("opening", "\t "),
        ("wrapping", "tag:a></a"),
        ("wrapping", "fence:x\ny"),
        ("wrapping", "marks:?"),
    ],
)
def test_other_texts_are_invalid_values(name: str, value: str) -> None:
    assert not ATTRIBUTES[name].is_value(value)
