"""Rejects replies in another style than the user's others: robust z-scores of twelve measures."""

import re
from collections.abc import Mapping, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from feedback.filters.ifd import Losses
from feedback.filters.records import DatedExample, Rejection, RejectionReason
from feedback.text.english import FUNCTION_WORDS
from feedback.text.marks import OWN_END
from feedback.text.scripts import compiled
from feedback.text.tokens import words

Features = NDArray[np.float64]

MAX_DISTANCE = 3.0
MAX_SHARE = 0.1
"""If a larger share is beyond `MAX_DISTANCE`, it is a second style: none is rejected."""
MAX_Z = 6.0
"""The bound of each z-score, so that no outlier is due to one measure alone."""

_SENTENCE_END = compiled(rf"(?<![.!?])[.!?]++(?=\s|$)|\n+|{OWN_END}+")
_MARK = compiled(r"(?<!\p{L}\p{M}*)\p{M}|[^\p{L}\p{N}\p{M}_\s]")
_LISTED = re.compile(r"^\s*(?:[-*+•]|\d+[.)]|#{1,6})\s", re.MULTILINE)
_FIRST_WORDS = 50
# Least spread of each measure: otherwise users who never vary would have only outliers.
_MIN_SPREAD = np.array([0.35, 0.25, 0.3, 0.05, 0.05, 0.05, 0.02, 0.02, 0.15, 0.1, 0.05, 0.3])
_TO_SIGMA = 1.4826  # the standard deviation of a normal distribution in median deviations


def ranked(
    examples: Sequence[DatedExample], losses: Mapping[str, Losses]
) -> list[tuple[float, DatedExample]]:
    """The examples that have a loss, with their distance from the centre, most typical first."""
    measured = [
        (each, features(each.example.chosen, surprisal))
        for each in examples
        if each.id in losses and (surprisal := losses[each.id].with_prompt) is not None
    ]
    found = distances([each for _, each in measured])
    pairs = [(distance, each) for distance, (each, _) in zip(found, measured, strict=True)]
    return sorted(pairs, key=lambda pair: (pair[0], pair[1].age))


def rejections(
    examples: Sequence[DatedExample], losses: Mapping[str, Losses]
) -> dict[str, Rejection]:
    """The few examples far from the centre, by id, except hand-written ones: they are the style."""
    far = [
        (distance, each) for distance, each in ranked(examples, losses) if distance > MAX_DISTANCE
    ]
    if len(far) > MAX_SHARE * len(examples):
        return {}
    return {
        each.id: Rejection(RejectionReason.STYLE, _why(distance))
        for distance, each in far
        if not each.is_hand_written
    }


def _why(distance: float) -> str:
    return (
        f"The reply differs in style from the others: {distance:.1f} times the usual distance"
        " from their centre."
    )


def features(reply: str, surprisal: float) -> Features:
    """The twelve measures of a reply, [12]; `surprisal` is its loss in nats per token.

    Logarithms of length and sentence length; letters per word; distinct words among the first 50;
    shares of function words, punctuation, capitals and digits; line breaks per sentence; shares
    of list and heading lines and of letters beyond ASCII; surprisal.
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
    """The root mean square of each reply's robust z-scores; a usual reply has about 1.

    A z-score is the distance from the median in units of 1.4826 median absolute deviations
    (Iglewicz & Hoaglin 1993), at most `MAX_Z`.
    """
    if not measured:
        return []
    table = np.stack(measured)
    off = np.abs(table - np.median(table, axis=0))
    spread = np.maximum(_TO_SIGMA * np.median(off, axis=0), _MIN_SPREAD)
    z = np.minimum(off / spread, MAX_Z)
    return [float(each) for each in np.sqrt((z**2).mean(axis=1))]
