"""Removes the unfinished sentence or list item that a length limit leaves at the end of a reply."""

from feedback.text.structure import ends_sentence, lines_of, sentences
from feedback.text.tokens import words


def strip_truncated_sentence(text: str) -> str:
    """The text without its unfinished last sentence, or unchanged if nothing else is left."""
    stripped = text.rstrip()
    spans = sentences(stripped)
    if not spans or ends_sentence(stripped):
        return stripped
    start, end = spans[-1]
    before = stripped[:start]
    if lines_of(stripped[:end])[-1].text == stripped[start:end]:
        before = before.rpartition("\n")[0]  # also removes the item's marker
    return before.rstrip() if words(before) else stripped
