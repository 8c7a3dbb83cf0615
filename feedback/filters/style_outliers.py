"""Rows whose reply is in another style than the user's others."""

import re
from collections.abc import Mapping, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from feedback.filters.ifd import Losses
from feedback.filters.records import DatedExample, Rejection, RejectionReason
from feedback.text.english import FUNCTION_WORDS
from feedback.text.tokens import words

MAX_DISTANCE = 3.0
MAX_SHARE = 0.1
"""Where more of the rows are beyond `MAX_DISTANCE`, they are a second style and no outliers."""


def ranked(
    rows: Sequence[DatedExample], losses: Mapping[str, Losses]
) -> list[tuple[float, DatedExample]]:
    """The rows with their distance from the user's centre, the most typical first.

    Rows without a loss are left away: they cannot be compared.
    """
    measured = [
        (row, features(row.example.chosen, surprisal))
        for row in rows
        if row.id in losses and (surprisal := losses[row.id].with_prompt) is not None
    ]
    found = distances([each for _, each in measured])
    pairs = [(distance, row) for distance, (row, _) in zip(found, measured, strict=True)]
    return sorted(pairs, key=lambda pair: (pair[0], pair[1].age))


def rejections(rows: Sequence[DatedExample], losses: Mapping[str, Losses]) -> dict[str, Rejection]:
    """The few rows that are far from the centre, by id. What a person wrote stays: it is their
    style."""
    far = [(distance, row) for distance, row in ranked(rows, losses) if distance > MAX_DISTANCE]
    if len(far) > MAX_SHARE * len(rows):
        return {}
    return {
        row.id: Rejection(RejectionReason.STYLE, _why(distance))
        for distance, row in far
        if not row.is_written
    }


def _why(distance: float) -> str:
    return (
        f"The reply is in another style than the others: {distance:.1f} times the usual distance"
        " from their centre."
    )


Features = NDArray[np.float64]

MAX_Z = 6.0
"""One measure far out counts no more than this: an outlier is so in several."""

_SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)|\n+")
_MARK = re.compile(r"[^\w\s]")
_LISTED = re.compile(r"^\s*(?:[-*+•]|\d+[.)]|#{1,6})\s", re.MULTILINE)
_FIRST_WORDS = 50

# Per measure: a spread below this is none. Users who never differ would else have only outliers.
_LEAST_SPREAD = np.array([0.35, 0.25, 0.3, 0.05, 0.05, 0.05, 0.02, 0.02, 0.15, 0.1, 0.05, 0.3])
_TO_SIGMA = 1.4826  # the standard deviation of a normal distribution in median deviations


def features(reply: str, surprisal: float) -> Features:
    """The twelve measures of a reply, [12]; `surprisal` is its loss with the prompt, in nats per
    token.

    Length and sentence length (logarithms), letters per word, distinct words among the first 50,
    share of function words, of punctuation, of capitals, of digits, line breaks per sentence,
    share of list and heading lines, share of letters beyond ASCII, surprisal.
    """
    said = words(reply)
    count = max(len(said), 1)
    sentences = max(len(_SENTENCE_END.findall(reply)), 1)
    letters = max(sum(map(str.isalpha, reply)), 1)
    lines = reply.count("\n") + 1
    return np.array(
        [
            log(1 + len(said)),
            log(1 + len(said) / sentences),
            sum(map(len, said)) / count,
            len(set(said[:_FIRST_WORDS])) / max(len(said[:_FIRST_WORDS]), 1),
            sum(word in FUNCTION_WORDS for word in said) / count,
            len(_MARK.findall(reply)) / count,
            sum(map(str.isupper, reply)) / letters,
            sum(map(str.isdigit, reply)) / max(len(reply), 1),
            (lines - 1) / sentences,
            len(_LISTED.findall(reply)) / lines,
            sum(each.isalpha() and not each.isascii() for each in reply) / letters,
            surprisal,
        ]
    )


def distances(measured: Sequence[Features]) -> list[float]:
    """How far every reply is from the median reply: the root mean square of the robust z-scores.

    A z-score is the distance from the median in units of 1.4826 median absolute deviations
    (Iglewicz & Hoaglin 1993), at most `MAX_Z`. A usual reply has about 1.
    """
    if not measured:
        return []
    table = np.stack(measured)
    off = np.abs(table - np.median(table, axis=0))
    spread = np.maximum(_TO_SIGMA * np.median(off, axis=0), _LEAST_SPREAD)
    z = np.minimum(off / spread, MAX_Z)
    return [float(each) for each in np.sqrt((z**2).mean(axis=1))]
