"""Markdown: headings and emphasis."""

import re

from feedback.edits.property import Property, always
from feedback.edits.structure import lines_of

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


HEADINGS = Property(
    "headings",
    always(*_HEADINGS),
    _has_headings,
    _without_headings,
    _HEADINGS.__getitem__,
    _HEADINGS.__contains__,
)
EMPHASIS = Property(
    "emphasis",
    always("none"),
    lambda text, value: _EMPHASIS.search(text) is None,
    _without_emphasis,
    lambda value: "Uses no bold or italic type.",
    lambda value: value == "none",
)
