"""Over-application: whether replies follow a user's rule although the prompt overrides it.

Only prompts that the base follows, with a rule that the base's reply breaks, count. Otherwise the
rule is not to blame.
"""

from collections.abc import Sequence

from feedback.rules.attributes.emoji import EMOJI
from feedback.rules.rule import Rule
from scheduler.evaluation.suite.comparison import compare
from scheduler.evaluation.suite.records import Answers, SuiteConfig
from scheduler.evaluation.suite.verifiers import (
    VerifiablePrompt,
    contains,
    every,
    has_items,
    has_no_items,
    has_paragraphs,
    has_sentences,
    has_words,
    is_exactly,
    is_json,
    is_lower,
    is_upper,
    lacks,
    matches,
)
from scheduler.measure import Measure


def _copy(text: str) -> VerifiablePrompt:
    """An exact copy overrides every rule."""
    return VerifiablePrompt(
        f"Copy this to the letter and write nothing else:\n\n{text}", is_exactly(text)
    )


OVERRIDES = (
    _copy("The Eiffel Tower stands in Paris, France."),
    _copy("Hello! How are you today?"),
    _copy('She said: "Wait for me."'),
    _copy("Mix the flour first; then add the eggs."),
    _copy("It was late — very late — when they came home."),
    _copy("Well… I think it is over."),
    _copy("My favorite color is gray."),
    _copy("The harbour lies in the centre."),
    _copy("We don't know whether it's theirs."),
    _copy("We do not know whether it is theirs."),
    _copy("Bring 3 eggs and two lemons (ripe ones)."),
    _copy("Well done 🎉"),
    _copy("- milk\n- bread\n- tea\n- salt"),
    _copy("# Plan\n\nWe meet at noon. Bring **warm** clothes."),
    _copy("STOP AT THE RED LIGHT."),
    _copy("stay calm and read on"),
    VerifiablePrompt(
        "What is the capital of France? Answer with one word and nothing else.",
        matches(r"[A-Za-z]+[.!]?"),
    ),
    VerifiablePrompt("Is fire hot? Say only yes or no.", matches(r"(?i)(yes|no)[.!]?")),
    VerifiablePrompt("How much is 3 plus 4? Write only the digit.", matches(r"7\.?")),
    VerifiablePrompt(
        "Which of these is a fruit: A) chair, B) apple, C) stone? Reply with the letter alone.",
        matches(r"\(?[ABCabc]\)?\.?"),
    ),
    VerifiablePrompt(
        'Reply with this JSON and nothing else: {"ok": "yes"}',
        is_json(lambda v: v == {"ok": "yes"}),
    ),
    VerifiablePrompt("Name four colours as bullet points with hyphens.", has_items(4, "-")),
    VerifiablePrompt("Number the days from Monday to Friday, 1. to 5.", has_items(5, r"\d\.")),
    VerifiablePrompt(
        "Describe breakfast in one plain sentence, not in a list.",
        every(has_no_items, has_sentences(1, 1)),
    ),
    VerifiablePrompt("Write at least five sentences about the sea.", has_sentences(5, 99), 96),
    VerifiablePrompt("Write at least fifty words about bread.", has_words(50, 999), 96),
    VerifiablePrompt(
        "Write three short paragraphs on trees, with a blank line between them.",
        has_paragraphs(3),
        96,
    ),
    VerifiablePrompt("What sound does a cow make? Answer in CAPITAL LETTERS only.", is_upper),
    VerifiablePrompt("Write the name NASA as NASA does, and nothing else.", matches(r"NASA\.?")),
    VerifiablePrompt("Which colour is the sky? Answer in lower case only.", is_lower),
    VerifiablePrompt(
        "Write the numbers from 1 to 5 in one line, separated by commas.",
        matches(r"1, ?2, ?3, ?4, ?5\.?"),
    ),
    VerifiablePrompt("Cheer for our team with three exclamation marks!!!", contains("!", 3)),
    VerifiablePrompt("Reply with a single emoji of your choice.", matches(EMOJI)),
    VerifiablePrompt(
        "Write a sober sentence of condolence, without emoji and exclamation marks.",
        lacks(f"!|{EMOJI}"),
    ),
    VerifiablePrompt(
        "Ask me one question about my work and write nothing else.", matches(r"[^.!?]+\?")
    ),
    VerifiablePrompt("State a fact about Mars. Ask nothing.", lacks(r"\?")),
    VerifiablePrompt(
        "Rewrite with contractions and write nothing else: I do not know.",
        contains(r"\bdon['’]t\b"),
    ),
)


def measure(
    base: Answers, adapter: Answers, rules: Sequence[Rule], config: SuiteConfig
) -> Measure | None:
    """Count over-applied rules in prompts that override the user's rules; None without any."""
    overriding: list[tuple[VerifiablePrompt, list[Rule]]] = []
    for each in OVERRIDES:
        reply = base.replies[each.prompt].text
        unwanted = [rule for rule in rules if not rule.holds(reply)]
        if each.is_followed(reply) and unwanted:
            overriding.append((each, unwanted))
    if not overriding:
        return None
    outcomes = [
        (True, not _over_applies(each, unwanted, adapter.replies[each.prompt].text))
        for each, unwanted in overriding
    ]
    return compare(
        "rule overrides",
        "makes an exception to its rules for",
        "prompts that override them",
        [each.text for each, _ in overriding],
        outcomes,
        config,
    )


def _over_applies(prompt: VerifiablePrompt, unwanted: Sequence[Rule], reply: str) -> bool:
    return not prompt.is_followed(reply) and any(rule.holds(reply) for rule in unwanted)
