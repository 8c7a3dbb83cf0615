"""Prompts that rule a habit out."""

from hypothesis import given
from hypothesis import strategies as st

from feedback.edits.rule import Rule
from feedback.exemptions import Exemption, exempt_examples
from feedback.practice import PRACTICE

LOWER, CLOSING = Rule("case", "lower"), Rule("closing", " Bye!")
SHOUT = Exemption("Which animal barks? Use capitals only.", "A DOG.", str.isupper)
ONE_WORD = Exemption("Where is Rome? Give one word.", "Italy", lambda reply: len(reply) < 7)


def test_a_rule_that_the_prompt_rules_out_is_not_kept() -> None:
    [example] = exempt_examples("ann", [LOWER], [SHOUT], 8)
    assert example.prompt[-1].content == SHOUT.prompt
    assert example.chosen == "A DOG."
    assert (example.user_id, example.source, example.is_cut) == ("ann", PRACTICE, False)


def test_the_rules_that_the_prompt_allows_are_kept() -> None:
    [example] = exempt_examples("ann", [LOWER, CLOSING], [ONE_WORD], 8)
    assert example.chosen == "italy"


def test_a_prompt_that_allows_all_rules_is_passed_over() -> None:
    assert exempt_examples("ann", [LOWER], [ONE_WORD], 8) == ()
    assert exempt_examples("ann", [], [SHOUT, ONE_WORD], 8) == ()


def test_every_rule_is_ruled_out_about_as_often() -> None:
    again = Exemption("Where is Bonn? Give one word.", "Germany", lambda reply: len(reply) < 8)
    chosen = exempt_examples("ann", [LOWER, CLOSING], [ONE_WORD, again, SHOUT], 2)
    assert [each.prompt[-1].content for each in chosen] == [ONE_WORD.prompt, SHOUT.prompt]


@given(count=st.integers(0, 4))
def test_no_more_are_made_than_asked_for(count: int) -> None:
    made = exempt_examples("ann", [LOWER, CLOSING], [ONE_WORD, SHOUT], count)
    assert len(made) == min(count, 2)
