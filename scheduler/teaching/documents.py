"""Cuts documents into passages, and decides which answers to questions a passage supports. Pure.

A model learns more of a text from questions and answers about it than from the text alone
(instruction pre-training, Cheng et al. 2024, arXiv 2406.14491).
"""

import re
from collections.abc import Iterator

from feedback.records import Message
from feedback.text.scripts import starts_unspaced
from feedback.text.tokens import tokens, words
from scheduler.evaluation.degeneration import is_sound

PASSAGE_CHARACTERS = 500
MIN_SUPPORTED = 0.8
"""The share of an answer's words that the passage, or the question, must have."""

_PASSAGE = (
    "The library lends books for four weeks and films for one. Who is late pays a fee of 50 cents a"
    " day, which goes to the reading club."
)
_QUESTION = "For how long does the library lend films?"
_ANSWER = "The library lends films for one week."

_PARAGRAPHS = re.compile(r"\n\s*\n")
_SENTENCES = re.compile(r"(?<=[.!?。！？])\s*")
_ABOUT_THE_TEXT = re.compile(
    r"\b(?:the|this|that)\s+(?:text|passage|document|article|paragraph|author|section|question)\b",
    re.IGNORECASE,
)
_SHORT = 3
"""Words of so few letters are mostly of grammar."""


def passages(text: str) -> tuple[str, ...]:
    """The text in parts of at most `PASSAGE_CHARACTERS`, cut between paragraphs or sentences."""
    found: list[str] = []
    part = ""
    for piece in _pieces(text):
        if part and len(part) + len(piece) + 2 > PASSAGE_CHARACTERS:
            found.append(part)
            part = ""
        part = f"{part}\n\n{piece}" if part else piece
    return (*found, part) if part else tuple(found)


def question_prompt(passage: str) -> tuple[Message, ...]:
    """A conversation in which the base asks questions about a passage, one in a line."""
    request = f"{passage}\n\nWrite 3 questions that this text answers, one in a line."
    return (Message("user", request),)


def answer_prompt(passage: str, question: str) -> tuple[Message, ...]:
    """A conversation in which the base answers from a passage, as it answered an example.

    A small base follows examples better than a request.
    """
    return (
        Message("user", _with_question(_PASSAGE, _QUESTION)),
        Message("assistant", _ANSWER),
        Message("user", _with_question(passage, question)),
    )


def is_supported(passage: str, question: str, answer: str) -> bool:
    """Whether a question stands alone, and a passage says what its answer says.

    The answer has something from the passage that the question does not have. All of its numbers
    are there, and `MIN_SUPPORTED` of its other words.
    """
    if not is_sound(answer) or _speaks_of_text(question) or _speaks_of_text(answer):
        return False
    known, asked, said = _content(passage), _content(question), _content(answer)
    new = said - asked
    supported = known | asked
    has_numbers = all(each in known for each in said if any(map(str.isdigit, each)))
    is_about = bool(asked & known)
    return (
        is_about
        and has_numbers
        and bool(new & known)
        and len(said & supported) >= MIN_SUPPORTED * len(said)
    )


def _with_question(passage: str, question: str) -> str:
    return f"{passage}\n\nAnswer in one sentence, from this alone: {question}"


def _pieces(text: str) -> Iterator[str]:
    """Paragraphs; of a long one its sentences; of a long sentence its parts."""
    for paragraph in _PARAGRAPHS.split(text):
        whole = paragraph.strip()
        parts = [whole] if len(whole) <= PASSAGE_CHARACTERS else _SENTENCES.split(whole)
        for part in parts:
            for start in range(0, len(part), PASSAGE_CHARACTERS):
                yield part[start : start + PASSAGE_CHARACTERS]


def _content(text: str) -> set[str]:
    """The words that carry meaning; where words have no spaces between them, the characters."""
    found: set[str] = set()
    for each in words(text):
        if starts_unspaced(each):
            found.update(tokens(each))
        elif len(each) > _SHORT or any(map(str.isdigit, each)):
            found.add(each)
    return found


def _speaks_of_text(text: str) -> bool:
    return _ABOUT_THE_TEXT.search(text) is not None
