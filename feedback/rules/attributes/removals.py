"""Removals at the beginning or the end: pleasantries, lead-ins, offers and fixed sentences."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from feedback.rules.attributes.attribute import Attribute, Change
from feedback.text.code_masking import is_plain
from feedback.text.structure import sentence_texts, sentences
from feedback.text.tokens import capitalised

PLEASANTRIES, LEAD_IN = "pleasantries", "lead-in"

_YES = (
    r"(?:certainly|sure(?:\ thing)?|of\ course|absolutely|definitely|gladly|no\ problem|thanks"
    r"|great|okay|ok|all?\ ?right|hello(?:\ there)?|hi(?:\ there)?|hey(?:\ there)?|greetings"
    r"|my\ pleasure|with\ pleasure|you\ got\ it|thank\ you)"
)
_GOOD = r"(?:very\ )?(?:great|good|excellent|interesting|wonderful|fantastic|fascinating)"
_OPENER = re.compile(
    rf"""\s*(?:
        {_YES}(?:[!,.]?\s+{_YES})*\s*[!.]
      | {_YES},(?=\s)
      | (?:(?:what|that(?:['’]s|\ is))\ )?(?:an?\ )?{_GOOD}\ (?:question|choice|topic|idea)[!.]
      | (?:I['’]d\ be|I\ would\ be|I['’]ll\ be|I\ will\ be|I['’]m|I\ am)
        \ (?:always\ |more\ than\ |very\ |so\ )?(?:happy|glad|delighted|pleased|here)
        \ to\ (?:help|assist|answer|explain|share|provide|tell|give|offer|discuss)\b[^.!?\n]*[.!]
      | (?:thanks|thank\ you)\ (?:so\ much\ |very\ much\ )?for\ [^.!?\n]*[.!]
      | as\ an\ AI(?:\ (?:language\ )?model|\ assistant|\ chatbot)?,
    )\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_HERE_IS = re.compile(r"\s*here(?:['’]s|\s+is|\s+are)\b[^.!?\n]*:\s+", re.IGNORECASE)
_HELP = r"(?:let\ me\ know|feel\ free|just\ ask|hesitate|to\ help|reach\ out)"
_CLOSER = re.compile(
    rf"""
        (?:please\ )?(?:feel\ free\ to|don['’]t\ hesitate\ to|do\ not\ hesitate\ to)\ .*
      | (?:please\ |just\ )?let\ me\ know\ (?:if|how|what|whether|when|which|in)\b.*
      | (?:I\ (?:really\ )?hope|hope)\ (?:this|that|these|it)\b.*
      | if\ you\b.*\b{_HELP}\b.* | if\ you['’].*\b{_HELP}\b.*
      | (?:I['’]m|I\ am)\ (?:always\ )?here\ to\ help\b.*
      | is\ there\ anything\ (?:else|more)\b.*
      | would\ you\ like\ (?:me\ to|any|more|to\ know)\b.*
      | (?:happy|good\ luck|enjoy|have\ (?:fun|an?\ (?:great|good|nice|wonderful)))\b[^.!?]{{0,40}}!
    """,
    re.IGNORECASE | re.VERBOSE,
)


def _repeated(changes: Sequence[Change], place: int) -> Iterable[str]:
    """The sentences that at least two originals share at this place: 0 the first, -1 the last."""
    found = (sentence_texts(change.original) for change in changes)
    counts = Counter(texts[place] for texts in found if texts)
    return (each for each, count in counts.items() if count > 1 and _is_text(each))


def _is_text(value: str) -> bool:
    return bool(value.strip()) and is_plain(value)


def _beginnings(changes: Sequence[Change]) -> Iterable[str]:
    return (PLEASANTRIES, LEAD_IN, *_repeated(changes, 0))


def _beginning(text: str, value: str) -> int:
    """How many characters to remove at the start."""
    if value in (PLEASANTRIES, LEAD_IN):
        match = (_OPENER if value == PLEASANTRIES else _HERE_IS).match(text)
        return match.end() if match else 0
    spans = sentences(text)
    starts_so = spans != [] and text[slice(*spans[0])] == value
    return spans[0][1] if starts_so else 0


def _without_beginning(text: str, value: str) -> str:
    was_capital = text.lstrip()[:1].isupper()
    while cut := _beginning(text, value):
        text = text[cut:].lstrip()
    return capitalised(text) if was_capital else text


def _endings(changes: Sequence[Change]) -> Iterable[str]:
    return (PLEASANTRIES, *_repeated(changes, -1))


def _ending(text: str, value: str) -> int:
    """Where the part to remove at the end starts: the text's length if there is none."""
    spans = sentences(text)
    last = text[slice(*spans[-1])] if spans else ""
    is_removed = _CLOSER.fullmatch(last) if value == PLEASANTRIES else last == value
    return spans[-1][0] if is_removed else len(text)


def _without_ending(text: str, value: str) -> str:
    text = text.rstrip()
    while (end := _ending(text, value)) < len(text):
        text = text[:end].rstrip()
    return text


def _beginning_sentence(value: str) -> str:
    match value:
        case "pleasantries":
            return "Leaves out opening pleasantries such as “Certainly!”."
        case "lead-in":
            return "Leaves out lead-ins such as “Here is a list:”."
    return f"Does not open with “{value}”."


def _ending_sentence(value: str) -> str:
    if value == PLEASANTRIES:
        return "Leaves out closing offers such as “Let me know if you need more.”."
    return f"Does not close with “{value}”."


def without_opener(text: str) -> str:
    """The text without its opening pleasantries, or unchanged if it is nothing else."""
    return _without_beginning(text, PLEASANTRIES) or text


def without_closer(text: str) -> str:
    """The text without its closing offers, or unchanged if it is nothing else."""
    return _without_ending(text, PLEASANTRIES) or text


BEGINNING = Attribute(
    "left-out beginning",
    _beginnings,
    lambda text, value: _beginning(text, value) == 0,
    _without_beginning,
    _beginning_sentence,
    _is_text,
    is_exclusive=False,
)
ENDING = Attribute(
    "left-out ending",
    _endings,
    lambda text, value: _ending(text, value) == len(text),
    _without_ending,
    _ending_sentence,
    _is_text,
    is_exclusive=False,
)
