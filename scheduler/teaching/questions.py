"""More questions like the user's own: on generic ones the teacher often says what the base says.

The base continues lists of the user's questions. On prompts of the user's kind the teacher is 1 to
1.5 nats per token from the base, on generic ones 0.07 to 0.35. Pure.
"""

from collections.abc import Iterable, Sequence
from random import Random

from feedback.proposals.filters import KnownTexts, reads_as_instruction
from feedback.proposals.self_instruct import (
    EXAMPLES,
    continuation_prompt,
    parse_instructions,
    seed_instructions,
)
from feedback.records import TrainingExample

NUM_LISTS = 48
LINE_TOKENS = 48


def own_questions(examples: Iterable[TrainingExample]) -> tuple[str, ...]:
    """The user's questions that stand alone in a line."""
    by_type = seed_instructions(each.messages for each in examples)
    return tuple(text for texts in by_type.values() for text in texts)


def question_lists(questions: Sequence[str], seed: int) -> tuple[str, ...]:
    """Texts to continue by one line each: lists of a few of the questions, in different orders."""
    random = Random(seed)
    count = min(EXAMPLES, len(questions))
    lists = NUM_LISTS if questions else 0
    return tuple(continuation_prompt(random.sample(questions, count)) for _ in range(lists))


def new_questions(lines: Iterable[str], questions: Sequence[str]) -> tuple[str, ...]:
    """Those of the written lines that read as questions, and are like no other."""
    known = KnownTexts(questions)
    found = []
    for line in lines:
        text = parse_instructions(line)
        if text and reads_as_instruction(text) and not known.is_like(text):
            known.add(text)
            found.append(text)
    return tuple(found)
