"""Replies with nothing in them to learn, or with more than a fit can read."""

import unicodedata
from collections.abc import Sequence

from feedback.filters.records import DatedExample, Rejection, RejectionReason
from feedback.text.repetition import distinct_share

MAX_CHARACTERS = 20_000
"""About five times what a fit reads of an example by default."""


def rejections(rows: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The rows whose wanted reply is empty, punctuation alone, or absurdly long, by id.

    One word, one number or one emoji is a reply.
    """
    found = {}
    for row in (row for row in rows if row.wants_reply):
        reply = row.example.chosen
        if not reply.strip():
            found[row.id] = Rejection(RejectionReason.EMPTY, "The reply is empty.")
        elif not any(_is_said(character) for character in reply):
            found[row.id] = Rejection(
                RejectionReason.EMPTY, "The reply is nothing but punctuation."
            )
        elif len(reply) > MAX_CHARACTERS:
            why = f"The reply has {len(reply):,} characters; {MAX_CHARACTERS:,} are the most."
            found[row.id] = Rejection(RejectionReason.TOO_LONG, why)
    return found


def _is_said(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMNS"


MIN_DISTINCT_SHARE = 0.4
"""Of its 4-word sequences; a text that stands there twice has half, and may be meant."""


def repetitive_replies(rows: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The rows whose reply loops, by id, whoever wrote it: a model makes more of it than meant."""
    why = "The reply repeats itself over and over."
    return {
        row.id: Rejection(RejectionReason.LOOPING, why)
        for row in rows
        if row.wants_reply and distinct_share(row.example.chosen) < MIN_DISTINCT_SHARE
    }
