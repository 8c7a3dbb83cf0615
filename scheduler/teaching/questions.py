"""More questions like the user's own: on generic ones the teacher often says what the base says.

The base continues lists of the user's questions, as in Self-Instruct (Wang et al. 2022, arXiv
2212.10560): a small base follows examples better than a request. On prompts of the user's kind the
teacher is 1 to 1.5 nats per token from the base, on generic ones 0.07 to 0.35. Pure.
"""

import re
from collections.abc import Iterable, Sequence
from random import Random

from feedback.records import TrainingExample
from scheduler.teaching.question_filter import KnownQuestions, reads_as_question

NUM_LISTS = 48
MAX_LISTED = 6
LINE_TOKENS = 48

_MARK = re.compile(r"^\s*(?:(?:task\s*)?\d+\s*[.:)]|[-*•])?\s*", re.IGNORECASE)


def own_questions(examples: Iterable[TrainingExample]) -> tuple[str, ...]:
    """The user's questions that open a conversation and stand alone in a line, each once."""
    found: dict[str, None] = {}
    for example in examples:
        turns = [each for each in example.messages if each.role != "system"]
        text = " ".join(turns[0].content.split()) if len(turns) == 1 else ""
        if reads_as_question(text):
            found[text] = None
    return tuple(found)


def question_lists(questions: Sequence[str], seed: int) -> tuple[str, ...]:
    """Texts to continue by one line each: lists of a few of the questions, in different orders."""
    random = Random(seed)
    count = min(MAX_LISTED, len(questions))
    lists = NUM_LISTS if questions else 0
    return tuple(_list_to_continue(random.sample(questions, count)) for _ in range(lists))


def new_questions(lines: Iterable[str], questions: Sequence[str]) -> tuple[str, ...]:
    """Those of the written lines that read as questions, and are like no other."""
    known = KnownQuestions(questions)
    found = []
    for line in lines:
        text = _without_marks(line)
        if reads_as_question(text) and not known.is_like(text):
            known.add(text)
            found.append(text)
    return tuple(found)


def _list_to_continue(questions: Sequence[str]) -> str:
    """A plain text whose next line is another question of the same kind.

    Not a chat: in its chat template, the small base keeps to the kind less often.
    """
    listed = "".join(f"Task {number}: {each}\n" for number, each in enumerate(questions, start=1))
    return f"Come up with a series of tasks:\n\n{listed}Task {len(questions) + 1}:"


def _without_marks(line: str) -> str:
    """A line without a list marker or quotes around it."""
    text = _MARK.sub("", line, count=1).strip()
    is_quoted = len(text) > 1 and text[0] == text[-1] == '"' and text.count('"') == 2
    return text[1:-1].strip() if is_quoted else text
