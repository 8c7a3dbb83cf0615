"""Words and tokens of a text, and the distance of two texts in tokens."""

import re

from feedback.text.edit_distance import common_length, edit_distance
from feedback.text.scripts import MARKS, SPACED, UNSPACED, compiled, letters, starts_unspaced

_SPACED_RUN = rf"[{SPACED}][{SPACED}{MARKS}]*"
# Catalan writes a dot inside words, Hebrew a quotation mark inside abbreviations.
_INNER = r"""(?:['’]|·(?=\p{L})|(?<=\p{Hebrew}\p{M}*)["״׳](?=\p{Hebrew}))"""
WORD = compiled(rf"{_SPACED_RUN}(?:{_INNER}{_SPACED_RUN})*|[{UNSPACED}][{UNSPACED}{MARKS}]*")
_TOKEN = compiled(
    rf"{_SPACED_RUN}|\p{{WB=Katakana}}[\p{{WB=Katakana}}{MARKS}]*|[{UNSPACED}][{MARKS}]*"
    r"|\n+|[^\s\x1c-\x1f]"
)


def words(text: str) -> tuple[str, ...]:
    """The words in lower case; a word is a run of letters, digits and inner apostrophes.

    Letters of scripts without spaces between words are a run of their own.
    """
    return tuple(word.lower() for word in WORD.findall(text))


def size(text: str) -> int:
    """How long a text is: its words, and its letters where words have no spaces between them."""
    return sum(len(letters(run)) if starts_unspaced(run) else 1 for run in WORD.findall(text))


def tokens(text: str) -> list[str]:
    """Runs of letters and digits, punctuation marks, and runs of line breaks.

    In scripts without spaces between words, a letter with its marks, or a run of katakana.
    """
    return _TOKEN.findall(text.strip())


def whole(phrase: str) -> str:
    """A pattern of the phrase that finds no part of a longer word, with any spaces inside."""
    spaced = r"\s+".join(map(re.escape, phrase.split()))
    first, last = (
        UNSPACED if starts_unspaced(end) else f"{SPACED}_" for end in (phrase[0], phrase[-1])
    )
    before = rf"(?<![{first}][{MARKS}]*)(?<!\p{{L}}[{MARKS}]*·)(?<!\p{{Hebrew}}\p{{M}}*[\"״׳])"
    after = rf"(?![{last}{MARKS}])(?!·\p{{L}}|[\"״׳]\p{{Hebrew}})"
    return f"{before}(?:{spaced}){after}"


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
