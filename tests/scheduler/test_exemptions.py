"""What a fit is shown of its limits."""

import pytest

from feedback.edits.rule import Rule
from feedback.exemptions import Exemption, exempt_examples
from scheduler.exemptions import ADMISSIONS, EXEMPTIONS, limiting_examples
from scheduler.practice import PRACTICE_PROMPTS
from scheduler.regression import exemptions as measured
from scheduler.regression.unanswerable import PROMPTS as UNANSWERABLE
from scheduler.regression.unanswerable import admits

RULES = [
    Rule("case", "lower"),
    Rule("case", "upper"),
    Rule("opening", "Well, "),
    Rule("closing", " Bye!"),
    Rule("most sentences", "2"),
    Rule("list items", "3"),
    Rule("list", "none"),
    Rule("commas", "none"),
    Rule("final question", "none"),
    Rule("emoji", "none"),
    Rule("emoji", "some"),
    Rule("numbers", "words"),
    Rule("numbers", "digits"),
    Rule("sentence endings", "!"),
]


@pytest.mark.parametrize("each", EXEMPTIONS, ids=lambda each: each.prompt)
def test_its_own_reply_does_what_an_exempt_prompt_says(each: Exemption) -> None:
    assert each.is_heeded(each.reply)


@pytest.mark.parametrize("reply", [reply for _, reply in ADMISSIONS])
def test_admissions_admit(reply: str) -> None:
    assert admits(reply)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.sentence)
def test_there_is_a_prompt_that_rules_a_habit_out(rule: Rule) -> None:
    assert exempt_examples("ann", [rule], EXEMPTIONS, 1)


def test_nothing_that_is_measured_is_taught() -> None:
    taught = {each.prompt for each in EXEMPTIONS} | {prompt for prompt, _ in ADMISSIONS}
    exempt = {each.text for each in measured.EXEMPTIONS}
    unanswerable = {each.text for each in UNANSWERABLE}
    assert taught.isdisjoint(exempt | unanswerable | set(PRACTICE_PROMPTS))


def test_there_are_two_exemptions_for_each_admission() -> None:
    made = [e.prompt[-1].content for e in limiting_examples("ann", [Rule("case", "lower")], 12)]
    admitted = [prompt for prompt, _ in ADMISSIONS if prompt in made]
    assert (len(made), len(admitted)) == (6, 2)
