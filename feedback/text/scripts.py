"""Letters by how their scripts write words: with spaces between them, or without.

Follows the word boundaries of Unicode (UAX #29). Scripts without spaces are Chinese, Japanese,
Thai, Lao, Khmer and Burmese: their words need a dictionary. Marks belong to their letter.

Names in the plural, or of scripts, are the insides of character classes.
"""

import re
from collections.abc import Iterable

import regex

SPACED = r"\p{WB=ALetter}\p{WB=Hebrew_Letter}\p{N}"
"""Digits, and letters of scripts with spaces between words."""
UNSPACED = r"\p{Ideographic}\p{Hiragana}\p{WB=Katakana}\p{LB=SA}"
"""Letters of scripts without spaces between words."""
MARKS = r"\p{M}\u200c\u200d\uff9e\uff9f"
"""What belongs to the letter before it."""
EAST_ASIAN = r"\p{Ideographic}\p{Hiragana}\p{WB=Katakana}\p{Bopomofo}"
"""Letters of scripts whose punctuation marks need no space."""


def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern that may name Unicode properties. `regex` has no types, but the API of `re`."""
    made: re.Pattern[str] = regex.compile(pattern, flags)
    return made


RUN = rf"[{SPACED}_][{SPACED}_{MARKS}]*|[{UNSPACED}][{UNSPACED}{MARKS}]*"
"""A pattern: letters, digits and underscores in a row, of one type of script."""

_LETTER = compiled(r"\p{L}")
_LAST_LETTER = compiled(rf"[\p{{L}}\p{{N}}][{MARKS}]*\Z")
_CLUSTER = compiled(rf"[{UNSPACED}][{MARKS}]*")

_REACH = 40
"""How many characters at the end of a text are looked at."""


def starts_unspaced(text: str) -> bool:
    """Whether the text starts with a letter of a script without spaces between words."""
    return _CLUSTER.match(text) is not None


def has_countable_words(text: str) -> bool:
    """Whether most letters are of scripts with spaces between words."""
    return 2 * len(_CLUSTER.findall(text)) <= len(_LETTER.findall(text))


def letters(run: str) -> list[str]:
    """The letters of scripts without spaces, each with its marks."""
    return _CLUSTER.findall(run)


def ends_in_word(text: str) -> bool:
    """Whether the text ends with a letter or digit and its marks."""
    return _LAST_LETTER.search(text[-_REACH:]) is not None


def terms(runs: Iterable[str], length: int) -> list[str]:
    """The runs, with every sequence of `length` letters in place of one whose words have no spaces.

    Such sequences can be compared and counted as words are, without a dictionary.
    """
    found: list[str] = []
    for run in runs:
        pieces = letters(run) if starts_unspaced(run) else [run]
        last = max(1, len(pieces) - length + 1)
        found.extend("".join(pieces[start : start + length]) for start in range(last))
    return found
