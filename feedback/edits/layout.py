"""Lines and paragraphs: one paragraph, no blank lines, every sentence on its own line."""

import re

from feedback.edits.property import Change, Property, always, each
from feedback.edits.structure import lines_of, split_sentences

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


PARAGRAPHS = Property(
    "paragraphs",
    always(*_PARAGRAPHS),
    _is_whole,
    _in_one,
    _PARAGRAPHS.__getitem__,
    _PARAGRAPHS.__contains__,
)
OWN_LINES = Property(
    "sentence lines",
    each(_owners),
    lambda text, value: all(count <= 1 for count in _sentence_lines(text)),
    _on_own_lines,
    _OWN.__getitem__,
    _OWN.__contains__,
)
