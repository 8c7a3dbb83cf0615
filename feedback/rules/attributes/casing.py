"""Case: lower case, capitals, every word capitalised or every sentence capitalised."""

from collections.abc import Iterable

from feedback.rules.attributes.attribute import Change, choice
from feedback.text.structure import sentence_starts
from feedback.text.tokens import WORD, capitalised, words

_MIN_WORDS = 4
"""A shorter correction may be in lower case by chance: "yes", "about 5 km"."""

_SENTENCES = {
    "lower": "Writes everything in lower case.",
    "upper": "Writes everything in capital letters.",
    "title": "Capitalises every word.",
    "sentence": "Begins every sentence with a capital letter.",
}


def _values(change: Change) -> Iterable[str]:
    return _SENTENCES if len(words(change.corrected)) >= _MIN_WORDS else ()


def _holds(text: str, case: str) -> bool:
    return any(character.isalpha() for character in text) and text == _in_case(text, case)


def _in_case(text: str, case: str) -> str:
    match case:
        case "lower":
            return text.lower()
        case "upper":
            return text.upper()
        case "title":
            return WORD.sub(lambda word: capitalised(word[0]), text)
    for start in sorted(sentence_starts(text), reverse=True):
        text = text[:start] + text[start].upper() + text[start + 1 :]
    return text


CASE = choice("case", _SENTENCES, _holds, _in_case, _values)
