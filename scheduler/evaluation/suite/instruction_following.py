"""Instruction following: instructions that a program can verify (Zhou et al. 2023, "IFEval")."""

from scheduler.evaluation.suite.comparison import compare
from scheduler.evaluation.suite.records import Answers, SuiteConfig
from scheduler.evaluation.suite.verifiers import (
    VerifiablePrompt,
    begins,
    contains,
    ends,
    every,
    has_items,
    has_paragraphs,
    has_sentences,
    has_words,
    is_json,
    is_lower,
    is_upper,
    lacks,
    matches,
)
from scheduler.measure import Measure


def _is_person(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"name", "age"}


def _is_list_of_three(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3


INSTRUCTIONS = (
    VerifiablePrompt(
        "Name three animals that live in the sea. Write everything in lower case.", is_lower
    ),
    VerifiablePrompt(
        "Describe a summer day in one sentence, without any capital letters.", is_lower
    ),
    VerifiablePrompt("What is the capital of Japan? Write the whole answer in CAPITALS.", is_upper),
    VerifiablePrompt("Say in capital letters only why people like music.", is_upper),
    VerifiablePrompt(
        "List exactly three fruits, each as a bullet with a hyphen.", has_items(3, "-")
    ),
    VerifiablePrompt(
        "Give exactly four tips for good sleep as bullet points.", has_items(4, r"[-*•]")
    ),
    VerifiablePrompt("Number five kitchen tools from 1. to 5.", has_items(5, r"\d[.)]")),
    VerifiablePrompt(
        "Name two countries in Africa, each on a line that begins with an asterisk.",
        has_items(2, r"\*"),
    ),
    VerifiablePrompt("Explain gravity in at most 20 words.", has_words(4, 20)),
    VerifiablePrompt("What does a baker do? Use no more than 15 words.", has_words(3, 15)),
    VerifiablePrompt("Describe the taste of honey in fewer than ten words.", has_words(1, 9)),
    VerifiablePrompt("Tell me about the moon in at least 30 words.", has_words(30, 500)),
    VerifiablePrompt("What colour is snow? Answer with a single word.", has_words(1, 1)),
    VerifiablePrompt("How much is 7 plus 5? Answer with the number alone.", matches(r"12\.?")),
    VerifiablePrompt("Explain in exactly two sentences why nights are dark.", has_sentences(2, 2)),
    VerifiablePrompt("In one sentence, say what a bridge is for.", has_sentences(1, 1)),
    VerifiablePrompt("Write exactly three sentences about dogs.", has_sentences(3, 3)),
    VerifiablePrompt(
        "Write a sentence about the sea that has the word “anchor” in it.",
        contains(r"\banchor"),
    ),
    VerifiablePrompt(
        "Write two sentences about winter. Use the words “snow” and “window”.",
        every(contains(r"\bsnow"), contains(r"\bwindow")),
    ),
    VerifiablePrompt("Describe a garden. Do not use the word “flower”.", lacks("flower")),
    VerifiablePrompt("What is a cat? Avoid the words “animal” and “pet”.", lacks(r"animal|\bpet")),
    VerifiablePrompt(
        "Write a short text on travelling that mentions the word “train” three times or more.",
        contains(r"\btrain", 3),
    ),
    VerifiablePrompt(
        "What is a library? End your reply with the words: Happy reading!", ends("Happy reading!")
    ),
    VerifiablePrompt(
        "Give one reason to drink water. The last words must be: that is all", ends("that is all")
    ),
    VerifiablePrompt("Describe rain. Begin with the words “Dear reader”.", begins("Dear reader")),
    VerifiablePrompt("Why does sleep matter? Begin with the word “Because”.", begins("Because")),
    VerifiablePrompt("Greet me, and end with a question mark.", ends("?")),
    VerifiablePrompt("Describe a forest without using any commas.", lacks(",")),
    VerifiablePrompt(
        "Name four colours in one line, separated by commas.", matches(r"[^,\n]+(,[^,\n]+){3}")
    ),
    VerifiablePrompt("Wish me a happy birthday with at least one exclamation mark.", contains("!")),
    VerifiablePrompt(
        "Write a sentence about the wind. Put all of it between double quotation marks.",
        matches(r'["“][^"“”]+["”]\.?'),
    ),
    VerifiablePrompt(
        "Invent a person. Reply with a JSON object with the keys “name” and “age”, nothing else.",
        is_json(_is_person),
    ),
    VerifiablePrompt(
        "Reply with a JSON list of three colours and nothing else.", is_json(_is_list_of_three)
    ),
    VerifiablePrompt(
        "Write two short paragraphs about city life, with a blank line between them.",
        has_paragraphs(2),
        96,
    ),
    VerifiablePrompt(
        "Write a title in double angle brackets, such as <<My title>>, and a sentence on spring.",
        contains(r"<<[^<>\n]+>>"),
    ),
    VerifiablePrompt(
        "Thank a friend in two sentences and add a P.S. at the end.", contains(r"\bP\.S\.")
    ),
    VerifiablePrompt(
        "Write a sentence about football with one word **in bold** like that.",
        contains(r"\*\*[^*\n]+\*\*"),
    ),
    VerifiablePrompt(
        "Write a heading that begins with “# ”, then a sentence about bread below it.",
        matches(r"# .*\w.*\n+[^#]*\w[\s\S]*"),
    ),
    VerifiablePrompt(
        "Is ice cold? Answer with yes or no and nothing else.", matches(r"(?i)(yes|no)\.?")
    ),
    VerifiablePrompt(
        "Write the word “echo” four times, with spaces between, and nothing else.",
        matches(r"(?i)echo( echo){3}\.?"),
    ),
    VerifiablePrompt(
        "Write the letters A, B, C and D, each on a line of its own, and nothing else.",
        matches(r"(?i)a\s*\n+b\s*\n+c\s*\n+d"),
    ),
)


def measure(base: Answers, adapter: Answers, config: SuiteConfig) -> Measure:
    """Compare how many instructions base and adapter follow."""
    outcomes = [
        (
            each.is_followed(base.replies[each.prompt].text),
            each.is_followed(adapter.replies[each.prompt].text),
        )
        for each in INSTRUCTIONS
    ]
    texts = [each.text for each in INSTRUCTIONS]
    return compare("instruction following", "follows", "instructions", texts, outcomes, config)
