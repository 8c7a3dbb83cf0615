"""A reply's style in twelve numbers, and how far each reply is from the user's centre.

After SCAR (Li et al. 2024, arXiv 2406.10882), which finds two things in consistent replies:
*linguistic form* and *instructional surprisal*. There a model is trained to rank replies by both;
here surface measures stand for the first, the base's loss on the reply for the second, and the
distance is a robust z-score against the user's own median. Nothing is trained or downloaded.
"""

import re
from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from feedback.edits.tokens import words

Features = NDArray[np.float64]

MAX_Z = 6.0
"""One measure far out counts no more than this: an outlier is so in several."""

# English function words: articles, pronouns, prepositions, conjunctions, auxiliaries.
_FUNCTION_WORDS = frozenset(
    words(
        "a an the this that these those i you he she it we they me him her us them my your his its"
        " our their of to in on at by for with from into about as than over under between through"
        " and or but nor so yet if because while although though when where which who whom whose"
        " what how is am are was were be been being do does did have has had can could may might"
        " must shall should will would not no there here"
    )
)
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
            sum(word in _FUNCTION_WORDS for word in said) / count,
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
