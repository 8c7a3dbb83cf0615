"""The rules that a prompt overrides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.rules.attributes.registry import ATTRIBUTES
from feedback.rules.overrides import overridden
from feedback.rules.rule import Rule

LOWER, UPPER = Rule("case", "lower"), Rule("case", "upper")
CHEERS = Rule("closing", " Cheers, mate!")
TWO_SENTENCES = Rule("most sentences", "2")
BULLETS, NUMBERED, NO_LIST = (Rule("list", value) for value in ("-", "1.", "none"))
THREE_ITEMS = Rule("list items", "3")
JSON = Rule("wrapping", "json:answer")
NO_COMMAS = Rule("commas", "none")
ONE_PARAGRAPH = Rule("paragraphs", "one")
EXCLAIMING, NO_EXCLAMATION = Rule("sentence endings", "!"), Rule("exclamation marks", ".")
EMOJI, NO_EMOJI = Rule("emoji", "some"), Rule("emoji", "none")
QUESTION, NO_QUESTION = Rule("final question", "some"), Rule("final question", "none")
DIGITS, WORDS = Rule("numbers", "digits"), Rule("numbers", "words")
LONG_FORMS = Rule("contractions", "long")
FIFTY_WORDS, AT_LEAST = Rule("most words", "50"), Rule("least words", "100")


@pytest.mark.parametrize(
    ("prompt", "rule"),
    [
        ("Write the headline in capital letters.", LOWER),
        ("SHOUT it: all caps please", LOWER),
        ("Give me the plot, without any capital letters.", UPPER),
        ("Answer in lowercase: who wrote Emma?", UPPER),
        ("Which river runs through Cairo? One word.", CHEERS),
        ("Is the moon a planet? Just say yes or no.", CHEERS),
        ("Only output the code.", CHEERS),
        ("Write to my aunt, and end the letter with “See you soon”.", CHEERS),
        ("Tell me a joke. Add a postscript.", CHEERS),
        ("Describe Rome; the last word must be “home”.", CHEERS),
        ("Start your answer with the word “Because”.", Rule("opening", "Well, ")),
        ("Wrap your whole reply in square brackets.", JSON),
        ("Give me the three largest cities as JSON.", CHEERS),
        ("Translate 'dog' into French and write nothing else.", CHEERS),
        ("Sign it, but without exclamation marks.", CHEERS),
        ("Repeat this word for word: We left at noon.", LOWER),
        ("Tell me in at least eight sentences how paper is made.", TWO_SENTENCES),
        ("Write a 300-word text on moss.", TWO_SENTENCES),
        ("Write a long letter to my landlord.", TWO_SENTENCES),
        ("Explain in detail how a clock works.", FIFTY_WORDS),
        ("Write 200 words about the sea.", FIFTY_WORDS),
        ("In one sentence, what is a fjord?", AT_LEAST),
        ("Describe a fjord in at most 20 words.", AT_LEAST),
        ("Describe the harbour in running text.", BULLETS),
        ("Please don't use bullet points: why do cats purr?", BULLETS),
        ("Why do cats purr? I do not want a list.", THREE_ITEMS),
        ("Name seven rivers.", THREE_ITEMS),
        ("Give me the steps as a numbered list.", BULLETS),
        ("Give me the steps as bullet points.", NUMBERED),
        ("Give me the steps as a list.", NO_LIST),
        ("Name three rivers, each on a line of its own.", ONE_PARAGRAPH),
        ("In plain text, please: who painted Guernica?", JSON),
        ("Who painted Guernica? Not in JSON.", JSON),
        ("Name four rivers, separated by commas.", NO_COMMAS),
        ("A sad line about rain, and no exclamation mark.", EXCLAIMING),
        ("Cheer with an exclamation mark.", NO_EXCLAMATION),
        ("Condolences to a neighbour, without emoji.", EMOJI),
        ("Congratulate her with an emoji.", NO_EMOJI),
        ("Tell me about Mars and don't ask me anything.", QUESTION),
        ("Ask me a question about my garden.", NO_QUESTION),
        ("Write twelve in digits.", WORDS),
        ("Spell out 12.", DIGITS),
        ("Rewrite with contractions: it is late", LONG_FORMS),
        ("Here is a text:\n\n" + "The sea is wide. " * 40 + "\n\nRepeat it in capitals.", LOWER),
    ],
)
def test_a_prompt_overrides_a_rule(prompt: str, rule: Rule) -> None:
    assert overridden([rule], prompt) == (rule,)


@pytest.mark.parametrize(
    ("prompt", "rule"),
    [
        ("What is the capital of France?", LOWER),
        ("Answer in lower case: who wrote Emma?", LOWER),
        ("Write it in capital letters.", UPPER),
        ("Write it in capital letters.", CHEERS),
        ("Is the moon a planet?", CHEERS),
        ("Explain why only the moon pulls the tides.", CHEERS),
        ("What is the word for dog in French?", CHEERS),
        ("How long is the Nile?", TWO_SENTENCES),
        ("Explain it in one sentence.", TWO_SENTENCES),
        ("Write at least two sentences.", TWO_SENTENCES),
        ("Recommend a book for a long train journey.", TWO_SENTENCES),
        ("Make a list of salty snacks.", BULLETS),
        ("Make a list of salty snacks.", NO_LIST),
        ("Name three rivers.", THREE_ITEMS),
        ("Write a sentence about rain.", BULLETS),
        ("How do I read a JSON file in Python?", JSON),
        ("How do I number the pages in a LaTeX document?", CHEERS),
        ("How does the book end?", CHEERS),
        ("What happened at the end of the war?", CHEERS),
        ("How do I start with yoga?", Rule("case", "lower")),
        ("What is a comet?", NO_COMMAS),
        ("Answer this question: what is rust?", NO_QUESTION),
        ("Answer this question: what is rust?", QUESTION),
        ("Summarise this.\n\n" + "She asked for a list in capital letters only. " * 20, LOWER),
    ],
)
def test_a_prompt_that_asks_for_nothing_else_overrides_no_rule(prompt: str, rule: Rule) -> None:
    assert overridden([rule], prompt) == ()


def test_only_the_overridden_rules_are_returned() -> None:
    found = overridden([LOWER, CHEERS, TWO_SENTENCES], "In capitals: what is tea? At length.")
    assert found == (LOWER, TWO_SENTENCES)


@given(prompt=st.text(max_size=2000))
def test_every_prompt_can_be_checked_against_every_rule(prompt: str) -> None:
    rules = [Rule(name, value) for name, value in VALUES.items()]
    assert set(overridden(rules, prompt)) <= set(rules)


VALUES = {
    name: next(value for value in CANDIDATES if ATTRIBUTES[name].is_value(value))
    for CANDIDATES in [("none", "some", "3", "10", "-", "lower", "one", "line", "!", ".", ",")]
    for name in ATTRIBUTES
    if any(ATTRIBUTES[name].is_value(value) for value in CANDIDATES)
}
