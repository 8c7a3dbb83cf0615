"""What corrections have in common, in words."""

from feedback.memory.rule_notes import MAX_CORRECTIONS, rule_notes
from feedback.records import Demonstration
from feedback.rules.rule import Rule
from feedback.rules.user_rules import RuleDecision, RuleStatus

TEXT = "The heart pumps blood through the body. It has four chambers."
LOWER = "Write everything in lower case."
CAPITALS = "Write everything in capital letters."


def corrected(reply: str, at: float = 1.0, original: str | None = TEXT) -> Demonstration:
    return Demonstration(f"e{at}", f"What is {at}?", reply, True, at, original=original)


def decision(rule: Rule, status: RuleStatus) -> RuleDecision:
    return RuleDecision("ann", rule, status, 9.0)


def test_one_correction_is_said_as_an_instruction() -> None:
    assert rule_notes([corrected(TEXT.lower())]) == (LOWER,)


def test_corrections_in_other_words_are_not_said() -> None:
    assert rule_notes([corrected("El corazón mueve la sangre y late sin parar.")]) == ()


def test_a_liked_reply_is_not_said() -> None:
    assert rule_notes([corrected(TEXT.lower(), original=None)]) == ()


def test_a_dropped_rule_is_not_said() -> None:
    dropped = decision(Rule("case", "lower"), RuleStatus.DROPPED)
    assert rule_notes([corrected(TEXT.lower())], [dropped]) == ()


def test_a_pinned_rule_is_said_without_corrections() -> None:
    assert rule_notes([], [decision(Rule("case", "upper"), RuleStatus.PINNED)]) == (CAPITALS,)


def test_what_the_question_overrides_is_not_said() -> None:
    assert rule_notes([corrected(TEXT.lower())], question="Write it in capital letters.") == ()


def test_the_newest_corrections_count() -> None:
    old = [corrected("Anything else was meant by it.", at) for at in range(50)]
    new = [corrected(TEXT.lower(), 100.0 + at) for at in range(MAX_CORRECTIONS)]
    assert rule_notes([*new, *old]) == (LOWER,)
