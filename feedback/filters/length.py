"""Rejects empty, overlong and repetitive replies."""

import unicodedata
from collections.abc import Sequence

from feedback.examples.build import MAX_COMPARED_CHARACTERS
from feedback.filters.records import DatedExample, Rejection, RejectionReason
from feedback.text.repetition import distinct_share

MAX_CHARACTERS = MAX_COMPARED_CHARACTERS
"""About five times what training reads of an example by default."""
MIN_DISTINCT_SHARE = 0.4
"""Of the 4-word sequences. A text that is there twice has half, and may be intended."""


def rejections(examples: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The examples whose chosen reply is empty, only punctuation, or too long, by id.

    One word, one number or one emoji is a reply.
    """
    found = {}
    for each in (each for each in examples if each.has_chosen):
        reply = each.example.chosen
        if not reply.strip():
            found[each.id] = Rejection(RejectionReason.EMPTY, "The reply is empty.")
        elif not any(_has_meaning(character) for character in reply):
            found[each.id] = Rejection(RejectionReason.EMPTY, "The reply is only punctuation.")
        elif len(reply) > MAX_CHARACTERS:
            why = f"The reply has {len(reply):,} characters; the limit is {MAX_CHARACTERS:,}."
            found[each.id] = Rejection(RejectionReason.TOO_LONG, why)
    return found


def repetitive_replies(examples: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The examples with a repetitive reply, by id: a model trained on one repeats itself."""
    why = "The reply repeats itself over and over."
    return {
        each.id: Rejection(RejectionReason.LOOPING, why)
        for each in examples
        if each.has_chosen and distinct_share(each.example.chosen) < MIN_DISTINCT_SHARE
    }


def _has_meaning(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMNS"
