"""Filters the instructions and replies that the model writes as proposals. Pure."""

import re
from collections.abc import Container, Iterable
from enum import StrEnum

from feedback.task_types import TaskType, task_type_of
from feedback.text.marks import COLONS, COMMAS
from feedback.text.repetition import is_repetitive
from feedback.text.secret_scan import secrets_in
from feedback.text.shingles import Shingles, jaccard, shingles
from feedback.text.tokens import size, words

MAX_CHARACTERS = 300
"""Of an instruction."""
MIN_WORDS, MAX_WORDS = 3, 50
MAX_SIMILARITY = 0.5
"""Jaccard similarity of 5-character sequences. Lower than for examples, because a few different
words are nothing new (Wang et al. 2022 require a ROUGE-L below 0.7)."""
_MANY_WORDS = 12  # shorter replies, such as "Yes.", may repeat

_RESIDUE = re.compile(
    r"<\||\[/?INST\]|https?://"
    r"|\b(?:user|assistant|system|question|answer|input|output|task(?: \d+)?)\s*:",
    re.IGNORECASE,
)


class Unusable(StrEnum):
    """Why an instruction or a reply is not proposed."""

    EMPTY = "empty"
    CUT_OFF = "cut off"
    NO_INSTRUCTION = "not an instruction"
    OTHER_KIND = "another kind"
    KNOWN = "near-duplicate"
    SECRET = "secret"
    LOOPING = "looping"


class KnownTexts:
    """Texts from which a new one must differ."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts = [_shingles(text) for text in texts]

    def add(self, text: str) -> None:
        """Add a text."""
        self._texts.append(_shingles(text))

    def is_like(self, text: str) -> bool:
        """Whether any of the texts is similar."""
        found = _shingles(text)
        return any(jaccard(found, each) >= MAX_SIMILARITY for each in self._texts)


def reads_as_instruction(text: str) -> bool:
    """Whether a user might ask this: one line, not too short or long, no chat markup.

    A text that ends with a colon is about something that is missing.
    """
    return (
        len(text) <= MAX_CHARACTERS
        and MIN_WORDS <= size(text) <= MAX_WORDS
        and "\n" not in text
        and text[0].isalpha()
        and text[-1] not in COLONS + COMMAS
        and _RESIDUE.search(text) is None
    )


def instruction_fault(text: str, wanted: Container[TaskType], seen: KnownTexts) -> Unusable | None:
    """Why an instruction is unusable, or None."""
    if not words(text):
        return Unusable.EMPTY
    if not reads_as_instruction(text):
        return Unusable.NO_INSTRUCTION
    if task_type_of(text) not in wanted:
        return Unusable.OTHER_KIND
    if _holds_secret(text):
        return Unusable.SECRET
    return Unusable.KNOWN if seen.is_like(text) else None


def reply_fault(instruction: str, reply: str, seen: KnownTexts) -> Unusable | None:
    """Why a reply is unusable, or None. `seen` are the replies to other instructions."""
    if not words(reply):
        return Unusable.EMPTY
    if is_repetitive(reply):
        return Unusable.LOOPING
    if _holds_secret(reply):
        return Unusable.SECRET
    is_echo = KnownTexts([instruction]).is_like(reply)
    is_known = size(reply) >= _MANY_WORDS and seen.is_like(reply)
    return Unusable.KNOWN if is_echo or is_known else None


def _holds_secret(text: str) -> bool:
    return next(secrets_in(text), None) is not None


def _shingles(text: str) -> Shingles:
    """Ignores case and layout."""
    return shingles(" ".join(text.casefold().split()))
