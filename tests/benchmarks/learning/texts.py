"""Lines and sentences of a reply. Written apart from the product's own text measures."""

import re

from feedback.text.repetition import is_repetitive
from scheduler.evaluation.degeneration import is_empty

_MARKER = re.compile(r"^\s*(?:[-*•+]|\d+[.)])\s+")
_BETWEEN = re.compile(r"(?<=[.!?])\s+|(?<=[.!?][\"”')*])\s+")
_END = re.compile(r"[.!?][\"”')*]*(?=\s|$)")
_BARE_MARKER = re.compile(r"(?:^|\n)\s*(?:[-*•+]|\d+[.)])\s*$")


def lines(text: str) -> list[str]:
    """The lines that are not blank."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def without_marker(line: str) -> str:
    """A list item's text, or any other line unchanged."""
    return _MARKER.sub("", line).strip()


def sentences(text: str) -> list[str]:
    """The sentences, list markers left out. The end of a line ends one."""
    found = [each for line in lines(text) for each in _BETWEEN.split(without_marker(line))]
    return [sentence for sentence in found if sentence]


def whole_sentences(text: str) -> str:
    """The text without a truncated last sentence, which nobody would write."""
    ends = [match.end() for match in _END.finditer(text)]
    while ends:
        whole = text[: ends.pop()]
        if not _BARE_MARKER.search(whole):
            return whole
    first_lines, _, _ = text.rpartition("\n")
    return first_lines.rstrip() or text


def is_sound(text: str) -> bool:
    """Whether it says something and is not stuck in a loop."""
    return not is_empty(text) and not is_repetitive(text)
