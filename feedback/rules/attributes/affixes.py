"""A fixed opening and a fixed closing, such as a greeting, a title or a sign-off."""

import os
from collections.abc import Iterable, Sequence
from itertools import pairwise

from feedback.rules.attributes.attribute import Attribute, Change
from feedback.rules.attributes.emoji import EMOJI
from feedback.rules.attributes.removals import without_opener
from feedback.text.code_masking import is_plain
from feedback.text.english import SENTENCE_OPENERS
from feedback.text.mark_forms import is_apart
from feedback.text.marks import (
    CLAUSE_MARK,
    CLOSERS,
    COMMAS,
    FULL_STOPS,
    SEMICOLONS,
    WIDE_MARKS,
)
from feedback.text.scripts import MARKS, SPACED, compiled
from feedback.text.structure import line_of, lines_of, sentence_texts, sentences
from feedback.text.tokens import whole, words

_MAX_CHARACTERS = 200
"""Of an opening or closing; a longer one is content."""
_MATCHED_WORDS = 3
"""Words that identify the start or the end of a sentence."""

_OPENING_END = compiled(
    rf"(?:[…—–-]|\p{{Terminal_Punctuation}}|{EMOJI})[{CLOSERS}]*\s+"
    rf"|{CLAUSE_MARK}[{CLOSERS}]*\s*|\n+"
)
_CLOSING_START = compiled(
    rf"\s*\n\s*|(?=[{COMMAS}{SEMICOLONS}] )|(?=[{WIDE_MARKS}])(?=[{COMMAS}{SEMICOLONS}])"
    r"|\s+(?=[—–-] )"
)
_EMOJI = compiled(EMOJI)
_FIRST_WORD = compiled(rf"[{SPACED}][{SPACED}{MARKS}]*")
_LOOSE = f" {COMMAS}{SEMICOLONS}\n"


def _openings(changes: Sequence[Change]) -> Iterable[str]:
    for change in changes:
        yield from _prepended(change)
    for first, second in pairwise(sorted(change.corrected for change in changes)):
        common = os.path.commonprefix([first, second])
        matches = _OPENING_END.finditer(first, 0, _MAX_CHARACTERS)
        ends = [match.end() for match in matches if match.end() <= len(common)]
        yield from (first[:end] for end in ends[-1:] if _is_phrase(first[:end]))


def _prepended(change: Change) -> Iterable[str]:
    """The text before the words that began one of the first sentences of the original."""
    if change.corrected.endswith(change.original):
        value = change.corrected.removesuffix(change.original)
        yield from [value] if is_apart(value, change.original) and _is_phrase(value) else []
        return
    first = [without_opener(change.original), *sentence_texts(change.original)[:3]]
    starts = [words(each)[:_MATCHED_WORDS] for each in first]
    text = change.corrected
    for end in _OPENING_END.finditer(text, 0, _MAX_CHARACTERS):
        value, rest = text[: end.end()], words(text[end.end() :])
        is_new = words(value)[:_MATCHED_WORDS] not in starts
        if is_new and any(start and rest[: len(start)] == start for start in starts):
            yield from [value] if _is_phrase(value) else []
            return


def _opens(text: str, value: str) -> bool:
    text, opening = text.strip(), value.rstrip()
    rest = text[len(opening) :]
    is_whole = rest[:1] in ("", " ", "\n") or (opening == value and is_apart(opening, rest))
    return text.startswith(opening) and is_whole


def _open(text: str, value: str) -> str | None:
    """The text with the opening instead of its opening pleasantries."""
    text = without_opener(text)
    first = line_of(text.lstrip("\n").split("\n", 1)[0])
    if first.kind != "prose" and "\n" not in value:
        return f"{value.rstrip()}\n\n{text.lstrip()}"
    continues = value.endswith(" ") and value.rstrip()[-1] in ",;—–-"
    text = text.lstrip()
    rest = _without_capital(text) if continues else text
    return None if rest is None else value + rest


def _without_capital(text: str) -> str | None:
    """The text as it continues after a comma; None if its first word might be a name."""
    first = _FIRST_WORD.match(text)
    if first is None or first[0] == "I" or not first[0][:1].isupper():
        return text
    word, rest = first[0], text[first.end() :]
    if not word[1:].islower() and len(word) > 1:
        return text
    if word.lower() in SENTENCE_OPENERS or _has_word(rest, word.lower()):
        return word.lower() + rest
    return text if _has_word(rest, word) else None


def _has_word(text: str, word: str) -> bool:
    return compiled(whole(word)).search(text) is not None


def _closings(changes: Sequence[Change]) -> Iterable[str]:
    for change in changes:
        yield from _appended(change)
    for first, second in pairwise(sorted(change.corrected.rstrip()[::-1] for change in changes)):
        common = len(os.path.commonprefix([first, second]))
        text = first[::-1]
        first_start = len(text) - min(common, _MAX_CHARACTERS)
        starts = [at for at in _closing_starts(text) if at >= first_start]
        yield from (text[at:] for at in starts[:1] if _is_phrase(text[at:]))


def _closing_starts(text: str) -> list[int]:
    """Where a closing may begin: the space before a sentence or line, a comma or a dash."""
    ends = [end for _, end in sentences(text)[:-1]]
    return sorted({*ends, *(match.start() for match in _CLOSING_START.finditer(text))})


def _appended(change: Change) -> Iterable[str]:
    """The text after the last sentence of the original."""
    if change.corrected.startswith(change.original):
        value = change.corrected.removeprefix(change.original)
        yield from [value] if _can_close(change.original, value) else []
        return
    known = {words(each)[-_MATCHED_WORDS:] for each in sentence_texts(change.original)}
    text = change.corrected.rstrip()
    for start, end in reversed(sentences(text)):
        if words(text[start:end])[-_MATCHED_WORDS:] in known:
            value = text[end:]
            yield from [value] if _can_close(text[:end], value) else []
            return


def _can_close(before: str, value: str) -> bool:
    """Whether it is a phrase apart from the text before it, and no mark that ends the text."""
    is_own = value[:1].isspace() or words(value) != () or _EMOJI.search(value) is not None
    return is_own and is_apart(before, value) and _is_phrase(value)


def _closes(text: str, value: str) -> bool:
    text, value = text.strip(), value.strip()
    before = text[: -len(value)]
    is_whole = not before or not value[0].isalnum() or is_apart(before, value)
    return text.endswith(value) and is_whole


def _close(text: str, value: str) -> str:
    text = text.rstrip()
    if lines_of(text)[-1].kind != "prose":
        return f"{text}\n\n{value.strip(_LOOSE)}"
    return text.rstrip(FULL_STOPS) + value if value[0] in _LOOSE.strip() else text + value


def _is_phrase(value: str) -> bool:
    has_text = value.strip().strip(" \n*_#>-") != ""
    return len(value) <= _MAX_CHARACTERS and is_plain(value) and has_text


def _opening_sentence(value: str) -> str:
    return f"Opens with “{value.strip()}”."


def _closing_sentence(value: str) -> str:
    return f"Closes with “{value.strip(_LOOSE)}”."


OPENING = Attribute("opening", _openings, _opens, _open, _opening_sentence, _is_phrase)
CLOSING = Attribute("closing", _closings, _closes, _close, _closing_sentence, _is_phrase)
