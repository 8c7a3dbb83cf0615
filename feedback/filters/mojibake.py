"""Replies that went through a wrong decoder: unreadable characters instead of text."""

import unicodedata
from collections.abc import Sequence

from feedback.filters.records import DatedExample, Rejection, RejectionReason

MAX_SHARE = 0.02

# Control characters, halves of surrogate pairs, unassigned code points.
_UNREADABLE = frozenset({"Cc", "Cs", "Cn"})
_LAYOUT = frozenset("\n\r\t")
_REPLACEMENT = "\ufffd"


def rejections(rows: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The rows whose reply is unreadable in more than 2 % of its characters, by id.

    What a person wrote stays: it is what they want.
    """
    found = {}
    for row in rows:
        reply = row.example.chosen
        share = sum(map(_is_unreadable, reply)) / max(len(reply), 1)
        if share > MAX_SHARE and not row.is_written:
            why = f"{share:.0%} of the reply's characters are unreadable."
            found[row.id] = Rejection(RejectionReason.GARBLED, why)
    return found


def _is_unreadable(character: str) -> bool:
    if character in _LAYOUT:
        return False
    return character == _REPLACEMENT or unicodedata.category(character) in _UNREADABLE
