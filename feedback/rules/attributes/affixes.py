"""A fixed opening and a fixed closing: a greeting, a form of address, a title, a sign-off."""

import os
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from feedback.rules.attributes.attribute import Attribute, Change
from feedback.rules.attributes.emoji import EMOJI
from feedback.rules.attributes.removals import without_opener
from feedback.text.code_masking import is_plain
from feedback.text.english import SENTENCE_OPENERS
from feedback.text.structure import line_of, lines_of, sentence_texts, sentences
from feedback.text.tokens import words

_LONGEST = 200
"""Characters of an opening or closing; what is longer is content."""
_SAME_START = 3
"""Words by which the start, or the end, of a sentence is recognised."""

_OPENING_END = re.compile(rf"(?:[.!?…:,;—–-]|{EMOJI})[\"'”’»)\]*_~]*\s+|\n+")
_CLOSING_START = re.compile(r"\s*\n\s*|(?=[,;] )|\s+(?=[—–-] )")


def _openings(changes: Sequence[Change]) -> Iterable[str]:
    for change in changes:
        yield from _put_in_front(change)
    for first, second in pairwise(sorted(change.corrected for change in changes)):
        common = os.path.commonprefix([first, second])
        ends = [
            m.end() for m in _OPENING_END.finditer(first, 0, _LONGEST) if m.end() <= len(common)
        ]
        yield from (first[:end] for end in ends[-1:] if _is_phrase(first[:end]))


def _put_in_front(change: Change) -> Iterable[str]:
    """What stands before the words with which one of the first sentences once began."""
    if change.corrected.endswith(change.original):
        value = change.corrected.removesuffix(change.original)
        yield from [value] if value[-1:].isspace() and _is_phrase(value) else []
        return
    first = [without_opener(change.original), *sentence_texts(change.original)[:3]]
    starts = [words(each)[:_SAME_START] for each in first]
    text = change.corrected
    for end in _OPENING_END.finditer(text, 0, _LONGEST):
        value, rest = text[: end.end()], words(text[end.end() :])
        is_new = words(value)[:_SAME_START] not in starts
        if is_new and any(start and rest[: len(start)] == start for start in starts):
            yield from [value] if _is_phrase(value) else []
            return


def _opens(text: str, value: str) -> bool:
    return f"{text.strip()} ".startswith((value.rstrip() + " ", value.rstrip() + "\n"))


def _open(text: str, value: str) -> str | None:
    """The opening before the text, in place of pleasantries that it opens with."""
    text = without_opener(text)
    first = line_of(text.lstrip("\n").split("\n", 1)[0])
    if first.kind != "prose" and "\n" not in value:
        return f"{value.rstrip()}\n\n{text.lstrip()}"
    goes_on = value.endswith(" ") and value.rstrip()[-1] in ",;—–-"
    text = text.lstrip()
    going_on = _without_capital(text) if goes_on else text
    return None if going_on is None else value + going_on


def _without_capital(text: str) -> str | None:
    """The text as it goes on behind a comma; None where its first word might be a name."""
    first = re.match(r"[^\W_]+", text)
    if first is None or first[0] == "I" or not first[0][:1].isupper():
        return text
    word, rest = first[0], text[first.end() :]
    if not word[1:].islower() and len(word) > 1:
        return text
    if word.lower() in SENTENCE_OPENERS or _has_word(rest, word.lower()):
        return word.lower() + rest
    return text if _has_word(rest, word) else None


def _has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _closings(changes: Sequence[Change]) -> Iterable[str]:
    for change in changes:
        yield from _put_behind(change)
    for first, second in pairwise(sorted(change.corrected.rstrip()[::-1] for change in changes)):
        common = len(os.path.commonprefix([first, second]))
        text = first[::-1]
        starts = [at for at in _closing_starts(text) if at >= len(text) - min(common, _LONGEST)]
        yield from (text[at:] for at in starts[:1] if _is_phrase(text[at:]))


def _closing_starts(text: str) -> list[int]:
    """Where a closing may begin: the space before a sentence or line, a comma or a dash."""
    behind_sentences = [end for _, end in sentences(text)[:-1]]
    return sorted({*behind_sentences, *(m.start() for m in _CLOSING_START.finditer(text))})


def _put_behind(change: Change) -> Iterable[str]:
    """What stands behind the last sentence that was there before."""
    if change.corrected.startswith(change.original):
        value = change.corrected.removeprefix(change.original)
        yield from [value] if value[:1].isspace() and _is_phrase(value) else []
        return
    known = {words(each)[-_SAME_START:] for each in sentence_texts(change.original)}
    text = change.corrected.rstrip()
    for start, end in reversed(sentences(text)):
        if words(text[start:end])[-_SAME_START:] in known:
            value = text[end:]
            yield from [value] if value[:1].isspace() and _is_phrase(value) else []
            return


def _closes(text: str, value: str) -> bool:
    text, value = text.strip(), value.strip()
    before = text[: -len(value)]
    return text.endswith(value) and (not before or before[-1].isspace() or not value[0].isalnum())


def _close(text: str, value: str) -> str:
    text = text.rstrip()
    if lines_of(text)[-1].kind != "prose":
        closing = value.strip(" ,;\n")
        return f"{text}\n\n{closing}"
    return text.rstrip(".") + value if value[0] in ",;" else text + value


def _is_phrase(value: str) -> bool:
    return len(value) <= _LONGEST and is_plain(value) and value.strip().strip(" \n*_#>-") != ""


def _opening_sentence(value: str) -> str:
    return f"Opens with “{value.strip()}”."


def _closing_sentence(value: str) -> str:
    said = value.strip(" ,;\n")
    return f"Closes with “{said}”."


OPENING = Attribute("opening", _openings, _opens, _open, _opening_sentence, _is_phrase)
CLOSING = Attribute("closing", _closings, _closes, _close, _closing_sentence, _is_phrase)
