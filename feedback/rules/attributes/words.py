"""Words that a user always replaces by other words or by a sign, or always removes."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache

from feedback.rules.attributes.attribute import Attribute, Change
from feedback.text.english import FUNCTION_WORDS
from feedback.text.marks import COMMAS, WIDE_MARKS
from feedback.text.scripts import compiled
from feedback.text.structure import sentence_starts
from feedback.text.tokens import WORD, capitalised, match_case, whole

_MAX_WORDS = 3
"""Of a phrase."""
_MIN_PLACES, _MIN_EDITS = 3, 2
"""A replacement is a rule if it was made in so many places or in so many corrections."""
_MIN_FUNCTION_PLACES = 5
"""Function words change with other words: they must go in so many places, and stay in none."""
_UNIT = compiled(rf"{WORD.pattern}|[&+@=%→]")
_SPACE_LEFT = compiled(r"[ \t]+(?=\p{Terminal_Punctuation}|$)", re.MULTILINE)
_VOWELS = "aeiou"


def _values(changes: Sequence[Change]) -> Iterable[str]:
    places: Counter[tuple[str, str]] = Counter()
    edits: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for index, change in enumerate(changes):
        for pair in _replaced(_units(change.original), _units(change.corrected)):
            places[pair] += 1
            edits[pair].add(index)
    for pair in places:
        value = json.dumps(pair, ensure_ascii=False)
        if FUNCTION_WORDS.issuperset(pair[0].split()):
            is_general = (
                places[pair] >= _MIN_FUNCTION_PLACES
                and len(edits[pair]) >= _MIN_EDITS
                and all(_is_avoided(change.corrected, value) for change in changes)
            )
        else:
            is_general = places[pair] >= _MIN_PLACES or len(edits[pair]) >= _MIN_EDITS
        if is_general:
            yield value


def _units(text: str) -> list[str]:
    """Words, and signs that stand for words, in lower case."""
    return [unit.lower() for unit in _UNIT.findall(text)]


def _replaced(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, str]]:
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        old, new = before[start:end], after[new_start:new_end]
        if (
            kind in ("replace", "delete")
            and max(len(old), len(new)) <= _MAX_WORDS
            and " ".join(old) not in " ".join(new)
            and all(map(WORD.fullmatch, old))
            and not any(character.isdigit() for word in (*old, *new) for character in word)
        ):
            yield " ".join(old), " ".join(new)


@lru_cache(maxsize=1024)
def _found(phrase: str) -> re.Pattern[str]:
    return compiled(f"(?P<phrase>{whole(phrase)})", re.IGNORECASE)


@lru_cache(maxsize=1024)
def _found_with_article(phrase: str) -> re.Pattern[str]:
    before = r"(?:\b(?P<article>an?)(?P<gap>\s+))?"
    return compiled(before + _found(phrase).pattern, re.IGNORECASE)


@lru_cache(maxsize=1024)
def _found_with_space(phrase: str) -> re.Pattern[str]:
    after = rf"(?:[{COMMAS}]?[ \t]+|(?=[{WIDE_MARKS}])[{COMMAS}])?"
    return compiled(_found(phrase).pattern + after, re.IGNORECASE)


def _is_avoided(text: str, value: str) -> bool:
    return _found(json.loads(value)[0]).search(text) is None


def _replace(text: str, value: str) -> str:
    old, new = json.loads(value)
    if new == "":
        return _remove(text, old)

    def replaced(match: re.Match[str]) -> str:
        article, gap = match["article"] or "", match["gap"] or ""
        if article and (old[0] in _VOWELS) != (new[0] in _VOWELS):
            article = match_case("an" if new[0] in _VOWELS else "a", article)
        return article + gap + match_case(new, match["phrase"])

    return _found_with_article(old).sub(replaced, text)


def _remove(text: str, phrase: str) -> str:
    """The text without the phrase, removed one at a time because two can be adjacent."""
    while match := _found_with_space(phrase).search(text):
        rest = text[match.end() :]
        is_start = match.start() in sentence_starts(text)
        text = text[: match.start()] + (capitalised(rest) if is_start else rest)
    return _SPACE_LEFT.sub("", text)


def _sentence(value: str) -> str:
    old, new = json.loads(value)
    return f"Writes “{new}” for “{old}”." if new else f"Never writes “{old}”."


def _is_pair(value: str) -> bool:
    """Whether this has the form in which `_values` writes a phrase and its replacement."""
    try:
        old, new = json.loads(value)
        phrases = old.split(), new.split()
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False
    is_usable = phrases[0] != [] and max(map(len, phrases)) <= _MAX_WORDS
    return is_usable and value == json.dumps([*map(" ".join, phrases)], ensure_ascii=False)


WORDS = Attribute("words", _values, _is_avoided, _replace, _sentence, _is_pair, is_exclusive=False)
