"""Words, and how many words and marks lie between two texts."""

import re

from feedback.text.edit_distance import edit_distance

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_TOKEN = re.compile(r"[^\W_]+|\n+|[^\w\s]|_")


def words(text: str) -> tuple[str, ...]:
    """The words in lower case; a word is a run of letters and digits, apostrophes included."""
    return tuple(word.lower() for word in WORD.findall(text))


def tokens(text: str) -> list[str]:
    """Runs of letters and digits, marks, and runs of line breaks."""
    return _TOKEN.findall(text.strip())


def have_same_ending(first: str, second: str) -> bool:
    """Whether the last three tokens are the same but for case: nobody wrote another end."""
    ends = ([token.casefold() for token in tokens(text)[-3:]] for text in (first, second))
    return next(ends) == next(ends)


def distance(first: str, second: str) -> int:
    """The Levenshtein distance in tokens."""
    codes: dict[str, str] = {}

    def coded(text: str) -> str:
        return "".join(codes.setdefault(each, chr(len(codes))) for each in tokens(text))

    return edit_distance(coded(first), coded(second))


def match_case(word: str, model: str) -> str:
    """The word in the case of another: all capitals, a first capital, or as it is."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return capitalised(word) if model[:1].isupper() else word


def capitalised(text: str) -> str:
    """The text with its first character in upper case."""
    return text[:1].upper() + text[1:]
