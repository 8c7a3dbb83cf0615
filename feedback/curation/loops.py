"""Replies that repeat themselves over and over: who learns one says everything so."""

from collections.abc import Sequence

from feedback.curation.fate import LeftOut, Reason, Row
from feedback.repetition import distinct_share

MIN_DISTINCT_SHARE = 0.4
"""Of its 4-word sequences; a text that stands there twice has half, and may be meant."""


def left_out(rows: Sequence[Row]) -> dict[str, LeftOut]:
    """The rows whose reply loops, by id, whoever wrote it: a model makes more of it than meant."""
    why = "The reply repeats itself over and over."
    return {
        row.id: LeftOut(Reason.LOOPING, why)
        for row in rows
        if row.wants_reply and distinct_share(row.example.chosen) < MIN_DISTINCT_SHARE
    }
