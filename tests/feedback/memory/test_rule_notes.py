"""What corrections have in common, in words."""

from feedback.memory.rule_notes import MAX_CORRECTIONS, rule_notes, rules_of
from feedback.records import Demonstration
from feedback.rules.rule import Rule
from feedback.rules.user_rules import RuleDecision, RuleStatus

TEXT = "The heart pumps blood through the body. It has four chambers."
LOWER, CAPITALS = Rule("case", "lower"), Rule("case", "upper")


def corrected(reply: str, at: float = 1.0, original: str | None = TEXT) -> Demonstration:
    return Demonstration(f"e{at}", f"What is {at}?", reply, True, at, original=original)


def decision(rule: Rule, status: RuleStatus) -> RuleDecision:
    return RuleDecision("ann", rule, status, 9.0)


def test_one_correction_shows_a_rule() -> None:
    assert rules_of([corrected(TEXT.lower())]) == (LOWER,)


def test_corrections_in_other_words_show_none() -> None:
    assert rules_of([corrected("El corazón mueve la sangre y late sin parar.")]) == ()


def test_a_liked_reply_shows_none() -> None:
    assert rules_of([corrected(TEXT.lower(), original=None)]) == ()


def test_a_dropped_rule_is_left_out() -> None:
    assert rules_of([corrected(TEXT.lower())], [decision(LOWER, RuleStatus.DROPPED)]) == ()


def test_a_pinned_rule_needs_no_corrections() -> None:
    assert rules_of([], [decision(CAPITALS, RuleStatus.PINNED)]) == (CAPITALS,)


def test_the_newest_corrections_count() -> None:
    old = [corrected("Anything else was meant by it.", at) for at in range(50)]
    new = [corrected(TEXT.lower(), 100.0 + at) for at in range(MAX_CORRECTIONS)]
    assert rules_of([*new, *old]) == (LOWER,)


def test_one_note_asks_for_an_answer_and_for_all_rules() -> None:
    note = "Answer the question. Write everything in lower case. Use no commas."
    assert rule_notes([LOWER, Rule("commas", "none")]) == (note,)


def test_what_the_question_overrides_is_not_asked_for() -> None:
    assert rule_notes([LOWER], "Write it in capital letters.") == ()
