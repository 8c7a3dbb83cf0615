"""Punctuation: marks that are replaced or removed, and the marks that end sentences."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from feedback.rules.attributes.attribute import Attribute, Change, choice
from feedback.text.mark_forms import form_for, forms, gap
from feedback.text.marks import (
    CLOSERS,
    COMMAS,
    EXCLAMATION_MARKS,
    FULL_STOPS,
    GREEK_QUESTION,
    QUESTION_MARKS,
    QUOTATION_MARK,
    SEMICOLONS,
)
from feedback.text.scripts import compiled
from feedback.text.structure import sentences

_Replacement = tuple[str, Callable[[re.Match[str], str], str]]
"""What is replaced, and its replacement, given the form of the value in the script at its place."""
_TRAILING = re.compile(r"(?<![ \t])[ \t]+$", re.MULTILINE)
_GAP = r"(?:(?<![ \t])[ \t]+)?"
_DASH = rf"(?<=\S){_GAP}(?P<mark>[—―]+|--+){_GAP}|(?<=\S)[ \t]+(?P<mark>–)[ \t]+"
_SEMICOLON = rf"(?!{GREEK_QUESTION})[{SEMICOLONS}]"
_ELLIPSIS = r"(?P<mark>…+|\.{3,}|。{3,})。?"
_COMMA = rf",(?!\d)|(?!,)[{COMMAS}]"
_PARENTHESES = r"(?<!\])\([^()\n]*\)|[(（][^()（）\n]*）|（[^()（）\n]*\)"
# A question or exclamation in Spanish has a mark in front, too.
_EXCLAMATION = (
    r"(?P<open>[¡¿]+)(?P<inside>[^¡¿!?\n]*)(?P<closed>[!?]*)"
    rf"|(?P<asked>[{QUESTION_MARKS}])?(?P<mark>[{EXCLAMATION_MARKS}])[{EXCLAMATION_MARKS}]*"
    rf"(?P<asks>[{QUESTION_MARKS}])?"
)


def _mark(match: re.Match[str], form: str) -> str:
    return form


def _nothing(match: re.Match[str], form: str) -> str:
    return ""


def _then_space(match: re.Match[str], form: str) -> str:
    return form + gap(form)


def _new_sentence(match: re.Match[str], form: str) -> str:
    return f"{form}{gap(form)}{match['next'].upper()}"


def _calm(match: re.Match[str], form: str) -> str:
    """Without exclamation marks; a question stays one."""
    if match["mark"] is not None:
        return match["asked"] or match["asks"] or form
    if "?" in match["closed"] or ("¿" in match["open"] and match["closed"]):
        return f"¿{match['inside']}?"
    inverted = match["open"].replace("¡", "")
    return f"{inverted}{match['inside']}{form if match['closed'] else ''}"


def _without(plural: str, mark: str, replacements: dict[str, _Replacement]) -> Attribute:
    """The attribute of not using a mark; a value is its replacement or `none`.

    A replacement has values in the forms of other scripts, too, which corrections suggest.
    """
    found = compiled(mark)
    patterns = {
        form: (compiled(pattern), made)
        for value, (pattern, made) in replacements.items()
        for form in forms(value)
    }

    def values(changes: Sequence[Change]) -> Iterable[str]:
        written = Counter("".join(change.corrected for change in changes))
        for value in replacements:
            used = [form for form in forms(value)[1:] if written[form]]
            yield from sorted([value, *used], key=lambda form: -written[form])

    def replaced(text: str, value: str) -> str:
        pattern, made = patterns[value]

        def replacement(match: re.Match[str]) -> str:
            was = match.groupdict().get("mark") or match[0]
            return made(match, form_for(value, was, text[: match.start()]))

        return _TRAILING.sub("", pattern.sub(replacement, text))

    def sentence(value: str) -> str:
        return f"Uses no {plural}." if value == "none" else f"Writes “{value}” for {plural}."

    return Attribute(
        plural,
        values,
        lambda text, value: found.search(text) is None,
        replaced,
        sentence,
        patterns.__contains__,
    )


_NEXT = r"(?P<next>\w?)"
WITHOUT_MARKS = (
    _without("exclamation marks", f"[{EXCLAMATION_MARKS}]|¡", {".": (_EXCLAMATION, _calm)}),
    _without(
        "semicolons",
        _SEMICOLON,
        {
            ",": (_SEMICOLON, _mark),
            ".": (rf"{_GAP}(?P<mark>{_SEMICOLON})[ \t]*{_NEXT}", _new_sentence),
        },
    ),
    _without(
        "dashes",
        _DASH,
        {
            ",": (_DASH, _then_space),
            "-": (_DASH, lambda match, form: " - "),
            ":": (_DASH, _then_space),
            ";": (_DASH, _then_space),
            ".": (rf"(?:{_DASH}){_NEXT}", _new_sentence),
        },
    ),
    _without("ellipses", _ELLIPSIS, {".": (_ELLIPSIS, _mark)}),
    _without("quotation marks", QUOTATION_MARK, {"none": (QUOTATION_MARK, _nothing)}),
    _without("commas", _COMMA, {"none": (_COMMA, _nothing)}),
    _without("parentheses", _PARENTHESES, {"none": (rf"{_GAP}(?:{_PARENTHESES})", _nothing)}),
)

_UNCLOSED = compiled(rf"(?<![{CLOSERS}])[{CLOSERS}]*+\Z")


def _last_marks(text: str) -> Iterable[tuple[int, str]]:
    """The place and the last character of every sentence without closing quotes, last one first."""
    for start, end in reversed(sentences(text)):
        if closing := _UNCLOSED.search(text, start, end):
            yield closing.start() - 1, text[closing.start() - 1]


def _is_emphatic(text: str, value: str) -> bool:
    ends = [mark for _, mark in _last_marks(text)]
    return any(each in EXCLAMATION_MARKS for each in ends) and not any(
        each in FULL_STOPS for each in ends
    )


def _emphatic(text: str, value: str) -> str:
    for at, mark in _last_marks(text):
        if mark in FULL_STOPS:
            text = text[:at] + form_for("!", mark, text[:at]) + text[at + 1 :]
    return text


EMPHATIC = choice(
    "sentence endings",
    {"!": "Ends every statement with an exclamation mark."},
    _is_emphatic,
    _emphatic,
)
FINAL_STOP = choice(
    "final full stop",
    {"none": "Ends without a full stop."},
    lambda text, value: not text.rstrip().endswith(tuple(FULL_STOPS)),
    lambda text, value: text.rstrip().rstrip(FULL_STOPS),
)
