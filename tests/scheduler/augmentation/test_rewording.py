"""Whether the base's wording of a correction is valid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.records import Message
from feedback.rules.rule import Rule
from feedback.text.tokens import tokens
from scheduler.augmentation.self_distillation import is_valid_rewording, rewording_prompt

ORIGINAL = "Certainly! The capital is Lyon, a large city in France."
CORRECTION = "The capital is Paris, a large city in France."
GOOD = "Paris, a large city in France, is the capital."
NO_EXCLAMATIONS = Rule("exclamation marks", ".")
SHORT = Rule("most words", "9")


def test_a_wording_with_the_whole_edit_is_valid() -> None:
    assert is_valid_rewording(GOOD, CORRECTION, ORIGINAL, [NO_EXCLAMATIONS, SHORT])


@pytest.mark.parametrize(
    ("wording", "fault"),
    [
        ("", "is empty"),
        ("…", "is empty"),
        (GOOD + " Paris is in France." * 20, "is repetitive"),
        ("The capital is a large city in France.", "lost what was added"),
        ("Paris, a large city in France, is the capital, not Lyon.", "has what was removed"),
        ("Paris, a large city in France, is the capital!", "has a mark that was removed"),
        ("Paris, a large city in France, is the", "is cut off"),
        ("Paris, a large city in France, is the capital of that country.", "breaks a rule"),
        ("As the reference answer says, the capital is Paris.", "mentions the task"),
        ("Paris. " + GOOD.replace(" ", " really "), "is closer to the original"),
    ],
)
def test_a_wording_with_a_fault_is_invalid(wording: str, fault: str) -> None:
    assert not is_valid_rewording(wording, CORRECTION, ORIGINAL, [SHORT]), fault


def test_a_wording_may_break_a_rule_that_the_correction_breaks() -> None:
    assert is_valid_rewording(GOOD, CORRECTION, ORIGINAL, [Rule("case", "lower")])


def test_a_removed_spelling_must_not_come_back() -> None:
    assert not is_valid_rewording("Look at the IPHONE.", "See the iPhone.", "See the IPHONE.", [])
    assert is_valid_rewording("Look at the iPhone.", "See the iPhone.", "See the IPHONE.", [])


def test_the_prompt_has_the_instruction_and_the_correction() -> None:
    text = rewording_prompt([Message("user", "What is {this}? ")], "A %s.\n")
    assert text.endswith(
        "### Instruction:\nWhat is {this}?\n\n### Reference Answer:\nA %s.\n\n### Response:\n"
    )


def test_the_prompt_has_the_whole_conversation_with_its_roles() -> None:
    turns = [Message("user", "Hi"), Message("assistant", "Hello"), Message("user", "Why?")]
    assert "### Instruction:\nuser: Hi\n\nassistant: Hello\n\nuser: Why?\n\n" in rewording_prompt(
        turns, "So."
    )


TEXTS = st.lists(
    st.sampled_from(["Paris", "paris", "Lyon", "is", "so", ".", "!", ",", "\n\n"]), max_size=8
).map(" ".join)
RULES = st.lists(st.sampled_from([NO_EXCLAMATIONS, Rule("case", "lower"), Rule("commas", "none")]))


@given(wording=TEXTS, correction=TEXTS, original=TEXTS, rules=RULES)
def test_a_valid_wording_has_the_whole_edit(
    wording: str, correction: str, original: str, rules: list[Rule]
) -> None:
    if not is_valid_rewording(wording, correction, original, rules):
        return
    assert all(rule.holds(wording) for rule in rules if rule.holds(correction))
    removed = set(tokens(original)) - set(tokens(correction))
    assert removed.isdisjoint(tokens(wording))
    added = set(tokens(correction.casefold())) - set(tokens(original.casefold()))
    assert added <= set(tokens(wording.casefold()))
    assert not (wording == original and tokens(original) != tokens(correction))


@given(correction=TEXTS, original=TEXTS, rules=RULES)
def test_a_correction_with_words_is_a_valid_wording_of_itself(
    correction: str, original: str, rules: list[Rule]
) -> None:
    has_words = any(character.isalnum() for character in correction)
    assert is_valid_rewording(correction, correction, original, rules) == has_words
