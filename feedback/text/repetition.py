"""Measures how much a text repeats itself. Pure."""

from collections.abc import Sequence

from feedback.text.scripts import RUN, compiled, terms

NGRAM = 4
MIN_WORDS = 12
MIN_DISTINCT_SHARE = 0.6

_WINDOW = 3
"""Letters that stand for a word where words have no spaces between them."""
_WORD = compiled(RUN)
_UNIT = compiled(rf"{RUN}|[^\s\x1c-\x1f]")


def is_repetitive(text: str) -> bool:
    """Whether fewer than 60 % of the text's 4-word sequences are distinct."""
    return distinct_share(text) < MIN_DISTINCT_SHARE


def distinct_share(text: str) -> float:
    """The share of the text's 4-word sequences that are distinct, 0..1.

    A word is a run of letters and digits or one other visible character; case does not count.
    Where words have no spaces between them, every three letters in a row count as one. Texts of
    fewer than 12 words have 1.
    """
    words = terms(_UNIT.findall(text.lower()), _WINDOW)
    if len(words) < MIN_WORDS:
        return 1.0
    found = ngrams(words)
    return len(set(found)) / len(found)


def word_ngrams(text: str) -> list[tuple[str, ...]]:
    """Every sequence of 4 words, as in `distinct_share`, but of letters and digits only."""
    return ngrams(terms(_WORD.findall(text.lower()), _WINDOW))


def ngrams(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Every sequence of 4 words, in order."""
    return [tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)]
