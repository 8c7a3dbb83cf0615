"""Markdown: headings and emphasis."""

import re

from feedback.rules.attributes.attribute import Attribute, Change, always, each
from feedback.text.structure import lines_of, split_sentences

_EMPHASIS = re.compile(
    r"(?P<wide>\*{2,3}|~~|_{2,3})(?=\S)(?P<strong>.+?)(?<=\S)(?P=wide)"
    r"|(?<![\w*_])(?P<mark>[*_])(?=[^\s*_])(?P<light>[^*_\n]*?)(?<=[^\s*_])(?P=mark)(?![\w*_])"
)
_HEADINGS = {
    "none": "Writes no headings.",
    "plain": "Writes headings as plain lines.",
    "some": "Writes headings.",
}


def _has_headings(text: str, value: str) -> bool:
    return any(line.kind == "heading" for line in lines_of(text)) == (value == "some")


def _without_headings(text: str, value: str) -> str | None:
    if value == "some":
        return None
    kept: list[str] = []
    is_behind = False
    for line in lines_of(text):
        if line.kind == "heading" and value == "plain":
            kept.append(line.text)
        elif line.kind != "heading" and not (is_behind and line.kind == "blank"):
            kept.append(str(line))
        is_behind = line.kind == "heading" and value == "none"
    return "\n".join(kept).strip("\n")


def _without_emphasis(text: str, value: str) -> str:
    while True:
        plain = _EMPHASIS.sub(lambda match: match["strong"] or match["light"], text)
        if plain == text:
            return text
        text = plain


HEADINGS = Attribute(
    "headings",
    always(*_HEADINGS),
    _has_headings,
    _without_headings,
    _HEADINGS.__getitem__,
    _HEADINGS.__contains__,
)
EMPHASIS = Attribute(
    "emphasis",
    always("none"),
    lambda text, value: _EMPHASIS.search(text) is None,
    _without_emphasis,
    lambda value: "Uses no bold or italic type.",
    lambda value: value == "none",
)


_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_PARAGRAPHS = {"one": "Writes one paragraph.", "tight": "Leaves no blank lines."}
_OWN = {
    "line": "Puts every sentence on its own line.",
    "paragraph": "Makes every sentence a paragraph.",
}


def _is_whole(text: str, value: str) -> bool:
    text = text.strip()
    return "\n" not in text if value == "one" else _BLANK_LINES.search(text) is None


def _in_one(text: str, value: str) -> str | None:
    if value == "tight":
        return _BLANK_LINES.sub("\n", text.strip())
    lines = [line for line in lines_of(text) if line.kind != "blank"]
    if any(line.kind != "prose" for line in lines):
        return None
    return " ".join(str(line).strip() for line in lines)


def _owners(change: Change) -> list[str]:
    return list(_OWN) if len(_sentence_lines(change.corrected)) > 1 else []


def _sentence_lines(text: str) -> list[int]:
    """How many sentences every line of prose holds."""
    return [len(split_sentences(line.text)) for line in lines_of(text) if line.kind == "prose"]


def _on_own_lines(text: str, value: str) -> str:
    between = "\n" if value == "line" else "\n\n"
    made: list[str] = []
    for line in lines_of(text):
        if line.kind == "prose":
            spans = split_sentences(line.text)
            made.append(line.marker + between.join(line.text[start:end] for start, end in spans))
        elif line.kind != "blank" or value == "paragraph":
            made.append(str(line))
    return "\n".join(made)


PARAGRAPHS = Attribute(
    "paragraphs",
    always(*_PARAGRAPHS),
    _is_whole,
    _in_one,
    _PARAGRAPHS.__getitem__,
    _PARAGRAPHS.__contains__,
)
OWN_LINES = Attribute(
    "sentence lines",
    each(_owners),
    lambda text, value: all(count <= 1 for count in _sentence_lines(text)),
    _on_own_lines,
    _OWN.__getitem__,
    _OWN.__contains__,
)
