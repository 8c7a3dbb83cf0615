"""The form of a punctuation mark in the script that it is written in."""

from collections.abc import Iterable

from feedback.text.marks import (
    CLOSERS,
    COLONS,
    COMMAS,
    EXCLAMATION_MARKS,
    FULL_STOPS,
    OWN_END,
    QUESTION_MARKS,
    SEMICOLONS,
    WIDE_MARKS,
)
from feedback.text.scripts import EAST_ASIAN, MARKS, UNSPACED, compiled, starts_unspaced

_FAMILIES = (FULL_STOPS, COMMAS, SEMICOLONS, COLONS, EXCLAMATION_MARKS, QUESTION_MARKS)
_PLAIN = {form: family[0] for family in _FAMILIES for form in family}
_WIDE_FORMS = dict(zip(".,;:!?", "。，；：！？", strict=True))
_ARABIC_FORMS = dict(zip(",;?", "،؛؟", strict=True))
_EAST_ASIAN_LETTER = compiled(f"[{EAST_ASIAN}]")
_ARABIC_LETTER = compiled(r"\p{Arabic}")
# Languages of the Arabic script have this full stop or that of Latin; Thai and Lao have none.
_URDU_STOP = "۔"
_FULL_STOPS = (
    ("。", _EAST_ASIAN_LETTER),
    ("।", compiled(r"[\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Oriya}]")),
    (_URDU_STOP, _ARABIC_LETTER),
    ("።", compiled(r"\p{Ethiopic}")),
    ("။", compiled(r"\p{Myanmar}")),
    ("។", compiled(r"\p{Khmer}")),
    ("։", compiled(r"\p{Armenian}")),
    ("", compiled(r"[\p{Thai}\p{Lao}]")),
)
_WIDE_MARK = compiled(f"[{WIDE_MARKS}]")
_ENDS_WIDE = compiled(rf"(?:[{WIDE_MARKS}]|[{EAST_ASIAN}][{MARKS}]*)[{CLOSERS}]*\Z")
_ENDS_APART = compiled(rf"(?:\s|[{WIDE_MARKS}]|{OWN_END}|[{UNSPACED}][{MARKS}]*)[{CLOSERS}]*\Z")
_REACH = 40
"""How many characters before a mark tell its script."""


def forms(mark: str) -> tuple[str, ...]:
    """All forms of a mark, that of ASCII first; only `mark` if it is not known."""
    return next((tuple(each) for each in _FAMILIES if mark in tuple(each)), (mark,))


def form_for(mark: str, replaced: str, before: str) -> str:
    """The form of `mark` that replaces a mark after the text `before`.

    It is of the same script as the replaced mark; if that is of no script, such as a dash, of the
    script before it. A mark that is itself of a script stays in that script only.
    """
    plain, letter = _PLAIN.get(mark, mark), _last_letter(before)
    own_stop = _own_stop(letter)
    if _WIDE_MARK.match(replaced):
        return mark if _WIDE_MARK.match(mark) else _WIDE_FORMS.get(plain, plain)
    if plain == "." and (mark == own_stop or own_stop == ""):
        return own_stop
    is_neutral = replaced not in _PLAIN
    if (is_neutral or _WIDE_MARK.match(mark)) and _EAST_ASIAN_LETTER.match(letter):
        return _WIDE_FORMS.get(plain, plain)
    if replaced in _ARABIC_FORMS.values() or (is_neutral and _ARABIC_LETTER.match(letter)):
        return _ARABIC_FORMS.get(plain, plain)
    return plain


def full_stop_after(text: str) -> str:
    """The full stop of the script that a text ends in; empty if that has none."""
    stop = _own_stop(_last_letter(text))
    is_known = stop is not None and (stop != _URDU_STOP or stop in text)
    return stop if stop is not None and is_known else "."


def gap(before: str) -> str:
    """The space between a sentence and the next one in a line; East Asian marks need none."""
    return "" if _ENDS_WIDE.search(before[-_REACH:]) else " "


def joined_prose(sentences: Iterable[str]) -> str:
    """The sentences in one line."""
    made = ""
    for each in sentences:
        made += gap(made) + each if made else each
    return made


def is_apart(before: str, after: str) -> bool:
    """Whether a phrase that ends here can be told from the one that begins: there is a space, or
    the script needs none."""
    return (
        after[:1].isspace()
        or starts_unspaced(after)
        or _ENDS_APART.search(before[-_REACH:]) is not None
    )


def _last_letter(text: str) -> str:
    return next((each for each in reversed(text[-_REACH:]) if each.isalpha()), "")


def _own_stop(letter: str) -> str | None:
    return next((stop for stop, script in _FULL_STOPS if script.match(letter)), None)
