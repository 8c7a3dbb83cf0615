"""Texts as sets of their 5-character sequences, and how much two sets have in common.

Broder (1997), "On the resemblance and containment of documents": near-duplicates share most of
their shingles. Characters instead of words, so that it works on short replies and in any language.
"""

import numpy as np
from numpy.typing import NDArray

LENGTH = 5

Shingles = NDArray[np.uint64]
"""The distinct hashes of a text's sequences, sorted, [shingles]."""

# Odd, so that multiplying modulo 2^64 loses nothing; from Steele et al. (2014), "SplitMix".
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def shingles(text: str) -> Shingles:
    """The text's shingles; its ends count, so even an empty text has some."""
    encoded = text.encode("utf-32-le", "surrogatepass")
    inside = np.frombuffer(encoded, dtype="<u4").astype(np.uint64) + np.uint64(1)
    codes = np.pad(inside, LENGTH - 1)
    hashes = np.zeros(max(0, len(codes) - LENGTH + 1), dtype=np.uint64)
    for place in range(LENGTH):
        hashes = hashes * _BASE + codes[place : place + len(hashes)]
    return np.unique(scrambled(hashes))


def scrambled(hashes: Shingles) -> Shingles:
    """The hashes with every bit depending on every other: SplitMix64's finaliser."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * _MIX[0]
    hashes = (hashes ^ (hashes >> np.uint64(27))) * _MIX[1]
    return hashes ^ (hashes >> np.uint64(31))


def jaccard(first: Shingles, second: Shingles) -> float:
    """The shingles that both have as a share of those that either has; 1 for two empty sets."""
    common = len(np.intersect1d(first, second, assume_unique=True))
    either = len(first) + len(second) - common
    return common / either if either else 1.0
