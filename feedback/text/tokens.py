"""Words and tokens of a text, and the distance of two texts in tokens."""

import re

from feedback.text.edit_distance import common_length, edit_distance

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_TOKEN = re.compile(r"[^\W_]+|\n+|[^\w\s]|_")


def words(text: str) -> tuple[str, ...]:
    """The words in lower case; a word is a run of letters, digits and inner apostrophes."""
    return tuple(word.lower() for word in WORD.findall(text))


def tokens(text: str) -> list[str]:
    """Runs of letters and digits, punctuation marks, and runs of line breaks."""
    return _TOKEN.findall(text.strip())


def have_same_ending(first: str, second: str) -> bool:
    """Whether the last three tokens are the same, except for case."""
    ends = ([token.casefold() for token in tokens(text)[-3:]] for text in (first, second))
    return next(ends) == next(ends)


def distance(first: str, second: str) -> int:
    """The Levenshtein distance in tokens."""
    return edit_distance(*_coded(first, second))


def common_tokens(first: str, second: str) -> int:
    """How many tokens both have in the same order: their longest common subsequence."""
    return common_length(*_coded(first, second))


def _coded(*texts: str) -> list[str]:
    """The texts with a character for each token, equal ones for equal tokens."""
    codes: dict[str, str] = {}
    return [
        "".join(codes.setdefault(each, chr(len(codes))) for each in tokens(text)) for text in texts
    ]


def match_case(word: str, pattern: str) -> str:
    """The word in the case of `pattern`: all capitals, a first capital, or unchanged."""
    if len(pattern) > 1 and pattern.isupper():
        return word.upper()
    return capitalised(word) if pattern[:1].isupper() else word


def capitalised(text: str) -> str:
    """The text with its first character in upper case."""
    return text[:1].upper() + text[1:]
