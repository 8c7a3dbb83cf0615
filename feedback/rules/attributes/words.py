"""Words that a user always replaces by other words or by a sign, or always removes."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

from feedback.rules.attributes.attribute import Attribute, Change
from feedback.text.english import COMMON_FUNCTION_WORDS
from feedback.text.structure import sentence_starts
from feedback.text.tokens import WORD, capitalised, match_case

_MAX_WORDS = 3
"""Of a phrase."""
_MIN_PLACES, _MIN_EDITS = 3, 2
"""A replacement is a rule if it was made in so many places or in so many corrections."""
_MIN_FUNCTION_PLACES = 5
"""Function words change with other words: they must go in so many places, and stay in none."""
_UNIT = re.compile(rf"{WORD.pattern}|[&+@=%→]")
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
        if COMMON_FUNCTION_WORDS.issuperset(pair[0].split()):
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


def _phrase(phrase: str) -> str:
    spaced = r"\s+".join(map(re.escape, phrase.split()))
    return rf"(?<!\w)(?P<phrase>{spaced})(?!\w)"


def _is_avoided(text: str, value: str) -> bool:
    return re.search(_phrase(json.loads(value)[0]), text, re.IGNORECASE) is None


def _replace(text: str, value: str) -> str:
    old, new = json.loads(value)
    if new == "":
        return _remove(text, old)

    def replaced(match: re.Match[str]) -> str:
        article, gap = match["article"] or "", match["gap"] or ""
        if article and (old[0] in _VOWELS) != (new[0] in _VOWELS):
            article = match_case("an" if new[0] in _VOWELS else "a", article)
        return article + gap + match_case(new, match["phrase"])

    before = r"(?:\b(?P<article>an?)(?P<gap>\s+))?"
    return re.sub(before + _phrase(old), replaced, text, flags=re.IGNORECASE)


def _remove(text: str, phrase: str) -> str:
    """The text without the phrase, removed one at a time because two can be adjacent."""
    pattern = re.compile(rf"{_phrase(phrase)}(?:,?[ \t]+|(?=\W|$))", re.IGNORECASE)
    while match := pattern.search(text):
        rest = text[match.end() :]
        is_start = match.start() in sentence_starts(text)
        text = text[: match.start()] + (capitalised(rest) if is_start else rest)
    return re.sub(r"[ \t]+(?=[.,;:!?]|$)", "", text, flags=re.MULTILINE)


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
