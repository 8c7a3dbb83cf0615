"""Whole numbers below one hundred: in digits or in words."""

import re

from feedback.rules.attributes.attribute import choice
from feedback.text.structure import sentence_starts
from feedback.text.tokens import capitalised, words

_SMALL = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
)
_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")
NUMBER_WORDS = [
    *_SMALL,
    *(f"{ten}-{_SMALL[unit]}" if unit else ten for ten in _TENS for unit in range(10)),
]
_NUMBERS = {word: str(number) for number, word in enumerate(NUMBER_WORDS)}

# "One" is rarely a number, and "two hundred" would need more than one word.
_WORD = re.compile(
    rf"(?<![\w-])(?:{'|'.join(sorted({*NUMBER_WORDS} - {'one'}, key=len, reverse=True))})(?![\w-])"
    r"(?!\s+(?:hundred|thousand|million|billion|dozen|halves|thirds|quarters)\b)",
    re.IGNORECASE,
)
_LABEL = (
    r"January|February|March|April|May|June|July|August|September|October|November|December|Chapter"
    r"|Step|Figure|Section|Table|Page|Part|Level|Version|Phase|Day|Week|Year|No\."
)
# List markers and numbers in names come first: they match without a number and stay unchanged.
_DIGITS = re.compile(
    rf"^[ \t]*\d+[.)][ \t]|\b(?:{_LABEL})\s\d+"
    r"|(?<![\w.,:/$€£¥#+=<>-])(?P<number>[0-9]{1,2})(?![\w%°/:+=<>-]|[.,]\d|\s*(?:am|pm|a\.m|p\.m|%|[+=×*/]))",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCES = {"digits": "Writes numbers in digits.", "words": "Writes small numbers in words."}


def _written(text: str, form: str) -> str:
    if form == "digits":
        return _WORD.sub(lambda match: _NUMBERS[match[0].lower()], text)
    starts = sentence_starts(text)

    def in_words(match: re.Match[str]) -> str:
        if match["number"] is None:
            return match[0]
        word = NUMBER_WORDS[int(match["number"])]
        return capitalised(word) if match.start() in starts else word

    return _DIGITS.sub(in_words, text)


NUMBERS = choice("numbers", _SENTENCES, lambda text, form: _written(text, form) == text, _written)
