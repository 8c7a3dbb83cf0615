"""Rejects replies with unreadable characters, which a wrong decoder leaves."""

import unicodedata
from collections.abc import Sequence

from feedback.filters.records import DatedExample, Rejection, RejectionReason

MAX_SHARE = 0.02

# Control characters, halves of surrogate pairs, unassigned code points.
_UNREADABLE = frozenset({"Cc", "Cs", "Cn"})
_LAYOUT = frozenset("\n\r\t")
_REPLACEMENT = "\ufffd"


def rejections(examples: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The examples with more than 2 % unreadable characters, by id, except hand-written replies."""
    found = {}
    for each in examples:
        reply = each.example.chosen
        share = sum(map(_is_unreadable, reply)) / max(len(reply), 1)
        if share > MAX_SHARE and not each.is_hand_written:
            why = f"{share:.0%} of the reply's characters are unreadable."
            found[each.id] = Rejection(RejectionReason.GARBLED, why)
    return found


def _is_unreadable(character: str) -> bool:
    if character in _LAYOUT:
        return False
    return character == _REPLACEMENT or unicodedata.category(character) in _UNREADABLE
