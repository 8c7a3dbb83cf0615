"""Layout: headings, emphasis, paragraphs, and sentences on lines of their own."""

import re

from feedback.rules.attributes.attribute import Change, choice
from feedback.text.mark_forms import joined_prose
from feedback.text.scripts import MARKS, SPACED, compiled
from feedback.text.structure import lines_of, split_sentences

# Asterisks may stand inside a word where words have no spaces between them.
_EMPHASIS = compiled(
    r"(?P<wide>\*{2,3}|~~|_{2,3})(?=\S)(?P<strong>.+?)(?<=\S)(?P=wide)"
    rf"|(?<![{SPACED}{MARKS}*_])(?<!\w(?=_))(?P<mark>[*_])(?=[^\s*_])(?P<light>[^*_\n]*?)"
    rf"(?<=[^\s*_])(?P=mark)(?<!_(?=\w))(?![{SPACED}{MARKS}*_])"
)
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_HEADINGS = {
    "none": "Writes no headings.",
    "plain": "Writes headings as plain lines.",
    "some": "Writes headings.",
}
_PARAGRAPHS = {"one": "Writes one paragraph.", "tight": "Leaves no blank lines."}
_OWN_LINES = {
    "line": "Puts every sentence on its own line.",
    "paragraph": "Makes every sentence a paragraph.",
}


def _has_headings(text: str, value: str) -> bool:
    return any(line.kind == "heading" for line in lines_of(text)) == (value == "some")


def _without_headings(text: str, value: str) -> str | None:
    if value == "some":
        return None
    made: list[str] = []
    is_after = False
    for line in lines_of(text):
        if line.kind == "heading" and value == "plain":
            made.append(line.text)
        elif line.kind != "heading" and not (is_after and line.kind == "blank"):
            made.append(str(line))
        is_after = line.kind == "heading" and value == "none"
    return "\n".join(made).strip("\n")


def _without_emphasis(text: str, value: str) -> str:
    while True:
        plain = _EMPHASIS.sub(lambda match: match["strong"] or match["light"], text)
        if plain == text:
            return text
        text = plain


def _has_paragraphs(text: str, value: str) -> bool:
    text = text.strip()
    return "\n" not in text if value == "one" else _BLANK_LINES.search(text) is None


def _with_paragraphs(text: str, value: str) -> str | None:
    if value == "tight":
        return _BLANK_LINES.sub("\n", text.strip())
    lines = [line for line in lines_of(text) if line.kind != "blank"]
    if any(line.kind != "prose" for line in lines):
        return None
    return joined_prose(str(line).strip() for line in lines)


def _own_lines(change: Change) -> list[str]:
    return list(_OWN_LINES) if len(_sentence_counts(change.corrected)) > 1 else []


def _sentence_counts(text: str) -> list[int]:
    """The number of sentences in every line of prose."""
    return [len(split_sentences(line.text)) for line in lines_of(text) if line.kind == "prose"]


def _with_own_lines(text: str, value: str) -> str:
    between = "\n" if value == "line" else "\n\n"
    made: list[str] = []
    for line in lines_of(text):
        if line.kind == "prose":
            spans = split_sentences(line.text)
            made.append(line.marker + between.join(line.text[start:end] for start, end in spans))
        elif line.kind != "blank" or value == "paragraph":
            made.append(str(line))
    return "\n".join(made)


HEADINGS = choice("headings", _HEADINGS, _has_headings, _without_headings)
EMPHASIS = choice(
    "emphasis",
    {"none": "Uses no bold or italic type."},
    lambda text, value: _EMPHASIS.search(text) is None,
    _without_emphasis,
)
PARAGRAPHS = choice("paragraphs", _PARAGRAPHS, _has_paragraphs, _with_paragraphs)
OWN_LINES = choice(
    "sentence lines",
    _OWN_LINES,
    lambda text, value: all(count <= 1 for count in _sentence_counts(text)),
    _with_own_lines,
    _own_lines,
)
