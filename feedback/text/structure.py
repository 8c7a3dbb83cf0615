"""Finds sentences, list items and headings in a text whose code is masked (`code_masking.mask`)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from feedback.text.code_masking import BLOCK, INLINE, is_plain
from feedback.text.marks import CLOSERS, GREEK_QUESTION, OWN_END, SENTENCE_MARK
from feedback.text.scripts import MARKS, UNSPACED, compiled
from feedback.text.tokens import WORD

HEADING = re.compile(r"[ \t]*#{1,6}[ \t]+(?=\S)")
BULLETS = ("-", "*", "+", "•", "‣", "・")
ITEM = re.compile(
    r"(?P<indent>[ \t]*)(?:(?:[-*+•‣]|\d{1,3}[.)])[ \t]+"
    r"|(?:・|\d{1,3}(?:[、）]|．(?!\d)))[ \t]*)(?=\S)"
)
NUMBERED = ("1.", "1)", "1、", "1）", "1．")
"""The markers of numbered lists; East Asian ones need no space after them."""
_BLOCK_LINE = re.compile(rf"[ \t]*{BLOCK}[ \t]*")
_MIN_NESTED = 2
"""An item indented by at least this many columns belongs to the item above it."""

_CONTENT = re.compile(rf"[^\W_]|{INLINE}")
_FIRST = compiled(rf"{INLINE}|{WORD.pattern}")
_ASCII_END = r"(?<![.!?…\u037e])[.!?…\u037e]"
# Without a space, marks of ASCII end a sentence only between letters that never have one.
# Possessive, and not from within a row of marks: thousands of them take no time.
_SENTENCE_END = compiled(
    rf"(?:{_ASCII_END}++|{GREEK_QUESTION})[{CLOSERS}]*+(?=\s|$)"
    rf"|(?<=[{UNSPACED}])[.!?]++[{CLOSERS}]*+(?=[{UNSPACED}])"
    rf"|．(?!\p{{N}})[{CLOSERS}]*+"
    rf"|(?:{_ASCII_END}*+)?{OWN_END}(?:[.!?…]|{OWN_END})*+[{CLOSERS}]*+"
)
# Case does not count, so a text has the same sentences in any case.
_ABBREVIATION = compiled(
    rf"(?:^|[\s(\"'“])(?:[^\W\d_][{MARKS}]*|mr|mrs|ms|dr|prof|st|sr|jr|vs|etc|no|fig|approx|e\.g"
    r"|i\.e|cf|al|a\.m|p\.m|u\.s|u\.k|u\.n|ph\.d|inc|ltd|co)\.$|[\p{Thai}\p{Lao}]\.$",
    re.IGNORECASE,
)
_FINISHED = compiled(rf"(?:{SENTENCE_MARK}|[\p{{Thai}}\p{{Lao}}])[{CLOSERS}]*\Z")
_LONGEST_END = 100
"""Characters in which the last mark of a sentence is looked for, and what follows it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its marker (such as `- `, `2. `, `## ` or nothing) and the text after it.

    `kind` is `item`, `heading`, `block` (masked code), `blank` or `prose`. An indented item is
    prose that belongs to the item above it.
    """

    kind: str
    marker: str
    text: str

    def __str__(self) -> str:
        return self.marker + self.text

    @property
    def is_numbered(self) -> bool:
        return self.kind == "item" and self.marker.strip()[0].isdigit()


def line_of(raw: str) -> Line:
    """Parse one line."""
    if not raw.strip():
        return Line("blank", "", raw)
    if _BLOCK_LINE.fullmatch(raw):
        return Line("block", "", raw)
    if heading := HEADING.match(raw):
        return Line("heading", heading[0], raw[heading.end() :])
    if item := ITEM.match(raw):
        kind = "item" if len(item["indent"].expandtabs(4)) < _MIN_NESTED else "prose"
        return Line(kind, item[0], raw[item.end() :])
    return Line("prose", "", raw)


def lines_of(text: str) -> tuple[Line, ...]:
    """All lines in order."""
    return tuple(line_of(raw) for raw in text.split("\n"))


def joined(lines: Iterable[Line]) -> str:
    """The text of the lines."""
    return "\n".join(map(str, lines))


def items_of(text: str) -> list[Line]:
    """The list items of the outermost level."""
    return [line for line in lines_of(text) if line.kind == "item"]


def split_sentences(line: str) -> list[tuple[int, int]]:
    """Start and end of every sentence in one line without its marker.

    A piece without a letter, digit or code, such as an emoji, belongs to the sentence before it.
    """
    starts = [0]
    for mark in _SENTENCE_END.finditer(line):
        trails_off = mark[0].startswith(("…", ".."))
        if mark.end() < len(line) and not trails_off and not _is_abbreviation(line, mark.start()):
            starts.append(mark.end())
    spans: list[tuple[int, int]] = []
    for start, end in zip(starts, [*starts[1:], len(line)], strict=True):
        piece = line[start:end]
        left = start + len(piece) - len(piece.lstrip())
        right = end - (len(piece) - len(piece.rstrip()))
        if _CONTENT.search(piece):
            spans.append((left, right))
        elif spans and piece.strip():
            spans[-1] = spans[-1][0], right
    return spans


def sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of every sentence; headings have none."""
    spans: list[tuple[int, int]] = []
    at = 0
    for line in lines_of(text):
        if line.kind in ("prose", "item"):
            left = at + len(line.marker)
            spans.extend((left + start, left + end) for start, end in split_sentences(line.text))
        at += len(str(line)) + 1
    return spans


def sentence_texts(text: str) -> list[str]:
    """Every sentence in order."""
    return [text[start:end] for start, end in sentences(text)]


def sentence_starts(text: str) -> set[int]:
    """Where the first word of every sentence begins, unless code comes before it."""
    firsts = (_FIRST.search(text, start, end) for start, end in sentences(text))
    return {first.start() for first in firsts if first and is_plain(first[0])}


def _is_abbreviation(line: str, stop: int) -> bool:
    return (
        line[stop] == "." and _ABBREVIATION.search(line[max(0, stop - 12) : stop + 1]) is not None
    )


def ends_sentence(text: str) -> bool:
    """Whether the text ends with a mark that ends a sentence, or in a script that has none."""
    return _FINISHED.search(text[-_LONGEST_END:]) is not None
