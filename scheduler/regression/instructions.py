"""Instruction following: instructions that a program can check (Zhou et al. 2023, "IFEval")."""

from dataclasses import dataclass

from scheduler.regression.checks import (
    Check,
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
from scheduler.regression.paired import compared
from scheduler.regression.records import Answers, Measure, Prompt, RegressionConfig

REPLY_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Instruction:
    """A prompt, and whether a reply does what it says."""

    text: str
    is_followed: Check
    max_tokens: int = REPLY_TOKENS

    @property
    def prompt(self) -> Prompt:
        """How it is asked."""
        return Prompt(self.text, self.max_tokens)


def _is_person(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"name", "age"}


def _is_list_of_three(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3


INSTRUCTIONS = (
    Instruction(
        "Name three animals that live in the sea. Write everything in lower case.", is_lower
    ),
    Instruction("Describe a summer day in one sentence, without any capital letters.", is_lower),
    Instruction("What is the capital of Japan? Write the whole answer in CAPITALS.", is_upper),
    Instruction("Say in capital letters only why people like music.", is_upper),
    Instruction("List exactly three fruits, each as a bullet with a hyphen.", has_items(3, "-")),
    Instruction("Give exactly four tips for good sleep as bullet points.", has_items(4, r"[-*•]")),
    Instruction("Number five kitchen tools from 1. to 5.", has_items(5, r"\d[.)]")),
    Instruction(
        "Name two countries in Africa, each on a line that begins with an asterisk.",
        has_items(2, r"\*"),
    ),
    Instruction("Explain gravity in at most 20 words.", has_words(4, 20)),
    Instruction("What does a baker do? Use no more than 15 words.", has_words(3, 15)),
    Instruction("Describe the taste of honey in fewer than ten words.", has_words(1, 9)),
    Instruction("Tell me about the moon in at least 30 words.", has_words(30, 500)),
    Instruction("What colour is snow? Answer with a single word.", has_words(1, 1)),
    Instruction("How much is 7 plus 5? Answer with the number alone.", matches(r"12\.?")),
    Instruction("Explain in exactly two sentences why nights are dark.", has_sentences(2, 2)),
    Instruction("In one sentence, say what a bridge is for.", has_sentences(1, 1)),
    Instruction("Write exactly three sentences about dogs.", has_sentences(3, 3)),
    Instruction(
        "Write a sentence about the sea that has the word “anchor” in it.",
        contains(r"\banchor"),
    ),
    Instruction(
        "Write two sentences about winter. Use the words “snow” and “window”.",
        every(contains(r"\bsnow"), contains(r"\bwindow")),
    ),
    Instruction("Describe a garden. Do not use the word “flower”.", lacks("flower")),
    Instruction("What is a cat? Avoid the words “animal” and “pet”.", lacks(r"animal|\bpet")),
    Instruction(
        "Write a short text on travelling that mentions the word “train” three times or more.",
        contains(r"\btrain", 3),
    ),
    Instruction(
        "What is a library? End your reply with the words: Happy reading!", ends("Happy reading!")
    ),
    Instruction(
        "Give one reason to drink water. The last words must be: that is all", ends("that is all")
    ),
    Instruction("Describe rain. Begin with the words “Dear reader”.", begins("Dear reader")),
    Instruction("Why does sleep matter? Begin with the word “Because”.", begins("Because")),
    Instruction("Greet me, and end with a question mark.", ends("?")),
    Instruction("Describe a forest without using any commas.", lacks(",")),
    Instruction(
        "Name four colours in one line, separated by commas.", matches(r"[^,\n]+(,[^,\n]+){3}")
    ),
    Instruction("Wish me a happy birthday with at least one exclamation mark.", contains("!")),
    Instruction(
        "Write a sentence about the wind. Put all of it between double quotation marks.",
        matches(r'["“][^"“”]+["”]\.?'),
    ),
    Instruction(
        "Invent a person. Reply with a JSON object with the keys “name” and “age”, nothing else.",
        is_json(_is_person),
    ),
    Instruction(
        "Reply with a JSON list of three colours and nothing else.", is_json(_is_list_of_three)
    ),
    Instruction(
        "Write two short paragraphs about city life, with a blank line between them.",
        has_paragraphs(2),
        96,
    ),
    Instruction(
        "Write a title in double angle brackets, such as <<My title>>, and a sentence on spring.",
        contains(r"<<[^<>\n]+>>"),
    ),
    Instruction(
        "Thank a friend in two sentences and add a P.S. at the end.", contains(r"\bP\.S\.")
    ),
    Instruction(
        "Write a sentence about football with one word **in bold** like that.",
        contains(r"\*\*[^*\n]+\*\*"),
    ),
    Instruction(
        "Write a heading that begins with “# ”, then a sentence about bread below it.",
        matches(r"# .*\w.*\n+[^#]*\w[\s\S]*"),
    ),
    Instruction(
        "Is ice cold? Answer with yes or no and nothing else.", matches(r"(?i)(yes|no)\.?")
    ),
    Instruction(
        "Write the word “echo” four times, with spaces between, and nothing else.",
        matches(r"(?i)echo( echo){3}\.?"),
    ),
    Instruction(
        "Write the letters A, B, C and D, each on a line of its own, and nothing else.",
        matches(r"(?i)a\s*\n+b\s*\n+c\s*\n+d"),
    ),
)


def measure(base: Answers, adapter: Answers, config: RegressionConfig) -> Measure:
    """Compare how many instructions are followed."""
    outcomes = [
        (
            each.is_followed(base.replies[each.prompt].text),
            each.is_followed(adapter.replies[each.prompt].text),
        )
        for each in INSTRUCTIONS
    ]
    prompts = [each.prompt for each in INSTRUCTIONS]
    return compared("instruction following", "follows", "instructions", prompts, outcomes, config)
