"""Measures how much a text repeats itself. Pure."""

import re
from collections.abc import Sequence

NGRAM = 4
MIN_WORDS = 12
MIN_DISTINCT_SHARE = 0.6


def is_repetitive(text: str) -> bool:
    """Whether fewer than 60 % of the text's 4-word sequences are distinct."""
    return distinct_share(text) < MIN_DISTINCT_SHARE


def distinct_share(text: str) -> float:
    """The share of the text's 4-word sequences that are distinct, 0..1.

    A word is a run of letters and digits or one other visible character; case does not count.
    Texts of fewer than 12 words have 1.
    """
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    if len(words) < MIN_WORDS:
        return 1.0
    found = ngrams(words)
    return len(set(found)) / len(found)


def ngrams(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Every sequence of 4 words, in order."""
    return [tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)]
