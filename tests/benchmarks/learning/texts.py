"""What a reply's text consists of. Written apart from what the product measures edits with."""

import re
from collections import Counter
from collections.abc import Sequence

from scheduler.repetition import is_repetitive

_MARKER = re.compile(r"^\s*(?:[-*•+]|\d+[.)])\s+")
_BETWEEN = re.compile(r"(?<=[.!?])\s+|(?<=[.!?][\"”')*])\s+")
_END = re.compile(r"[.!?][\"”')*]*(?=\s|$)")
_BARE_MARKER = re.compile(r"(?:^|\n)\s*(?:[-*•+]|\d+[.)])\s*$")


def lines(text: str) -> list[str]:
    """The lines that are not blank."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def without_marker(line: str) -> str:
    """A list item's text; any other line as it is."""
    return _MARKER.sub("", line).strip()


def sentences(text: str) -> list[str]:
    """The sentences, list markers left out. The end of a line ends one."""
    found = [each for line in lines(text) for each in _BETWEEN.split(without_marker(line))]
    return [sentence for sentence in found if sentence]


def whole_sentences(text: str) -> str:
    """Without what the length limit cut off in the middle: nobody would write that."""
    ends = [match.end() for match in _END.finditer(text)]
    while ends:
        whole = text[: ends.pop()]
        if not _BARE_MARKER.search(whole):
            return whole
    first_lines, _, _ = text.rpartition("\n")
    return first_lines.rstrip() or text


def canned(texts: Sequence[str]) -> list[bool]:
    """Which texts mostly repeat others: half of their 4-word sequences or more occur in those."""
    found = [_sequences(text) for text in texts]
    in_texts = Counter(sequence for sequences in found for sequence in sequences)
    return [
        bool(sequences) and sum(in_texts[each] > 1 for each in sequences) >= len(sequences) / 2
        for sequences in found
    ]


def is_sound(text: str) -> bool:
    """Whether it says something and is not stuck in a loop."""
    return any(character.isalnum() for character in text) and not is_repetitive(text)


def _sequences(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return set(zip(words, words[1:], words[2:], words[3:], strict=False))
