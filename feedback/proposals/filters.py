"""Which invented instructions and replies are fit to be shown to a person. Pure."""

import re
from collections.abc import Container, Iterable
from enum import StrEnum

from feedback.task_types import TaskType, task_type_of
from feedback.text.repetition import is_repetitive
from feedback.text.secret_scan import secrets_in
from feedback.text.shingles import Shingles, jaccard, shingles
from feedback.text.tokens import words

MAX_CHARACTERS = 300
"""Of an instruction."""
MIN_WORDS, MAX_WORDS = 3, 50
MAX_SIMILARITY = 0.5
"""Of two instructions or replies, as the share of common 5-character sequences. Lower than for
rows: what differs in a few words is nothing new (Wang et al. 2022 ask for a ROUGE-L below 0.7)."""
_MANY_WORDS = 12  # shorter replies, such as "Yes.", may be the same

_RESIDUE = re.compile(
    r"<\||\[/?INST\]|https?://"
    r"|\b(?:user|assistant|system|question|answer|input|output|task(?: \d+)?)\s*:",
    re.IGNORECASE,
)


class Unusable(StrEnum):
    """Why something the model wrote is not proposed."""

    EMPTY = "empty"
    CUT_OFF = "cut off"
    NO_INSTRUCTION = "not an instruction"
    OTHER_KIND = "another kind"
    KNOWN = "near-duplicate"
    SECRET = "secret"
    LOOPING = "looping"


class KnownTexts:
    """Texts that a new one must differ from."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts = [_shingles(text) for text in texts]

    def add(self, text: str) -> None:
        """Keep one more text."""
        self._texts.append(_shingles(text))

    def is_like(self, text: str) -> bool:
        """Whether any of the texts is near-equal."""
        found = _shingles(text)
        return any(jaccard(found, each) >= MAX_SIMILARITY for each in self._texts)


def reads_as_instruction(text: str) -> bool:
    """Whether this may be what somebody asks: one line, neither long nor short, no chat in it.

    What ends with a colon is about something that is not there.
    """
    return (
        len(text) <= MAX_CHARACTERS
        and MIN_WORDS <= len(words(text)) <= MAX_WORDS
        and "\n" not in text
        and text[0].isalpha()
        and text[-1] not in ":,"
        and _RESIDUE.search(text) is None
    )


def instruction_fault(text: str, wanted: Container[TaskType], seen: KnownTexts) -> Unusable | None:
    """What speaks against an invented instruction, if anything."""
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
    """What speaks against a reply, if anything. `seen` are the replies to other instructions."""
    if not words(reply):
        return Unusable.EMPTY
    if is_repetitive(reply):
        return Unusable.LOOPING
    if _holds_secret(reply):
        return Unusable.SECRET
    is_echo = KnownTexts([instruction]).is_like(reply)
    is_known = len(words(reply)) >= _MANY_WORDS and seen.is_like(reply)
    return Unusable.KNOWN if is_echo or is_known else None


def _holds_secret(text: str) -> bool:
    return next(secrets_in(text), None) is not None


def _shingles(text: str) -> Shingles:
    """Case and layout are chance."""
    return shingles(" ".join(text.casefold().split()))
