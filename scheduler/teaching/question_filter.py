"""Which texts read as a user's question, and are like none that is known. Pure."""

import re
from collections.abc import Iterable

from feedback.text.marks import COLONS, COMMAS
from feedback.text.shingles import Shingles, jaccard, shingles
from feedback.text.tokens import size

MAX_CHARACTERS = 300
MIN_WORDS, MAX_WORDS = 3, 50
MAX_SIMILARITY = 0.5
"""Jaccard similarity of 5-character sequences. Lower than for examples, because a few different
words are nothing new (Wang et al. 2022 require a ROUGE-L below 0.7)."""

_RESIDUE = re.compile(
    r"<\||\[/?INST\]|https?://"
    r"|\b(?:user|assistant|system|question|answer|input|output|task(?: \d+)?)\s*:",
    re.IGNORECASE,
)


class KnownQuestions:
    """Questions from which a new one must differ."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._questions = [_shingles(text) for text in texts]

    def add(self, text: str) -> None:
        """Add a question."""
        self._questions.append(_shingles(text))

    def is_like(self, text: str) -> bool:
        """Whether any of the questions is similar."""
        found = _shingles(text)
        return any(jaccard(found, each) >= MAX_SIMILARITY for each in self._questions)


def reads_as_question(text: str) -> bool:
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


def _shingles(text: str) -> Shingles:
    """Ignores case and layout."""
    return shingles(" ".join(text.casefold().split()))
