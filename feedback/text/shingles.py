"""Texts as sets of their 5-character sequences, and the similarity of two sets.

Broder (1997), "On the resemblance and containment of documents": near-duplicates share most of
their shingles. Characters, not words: they suit short replies and any language.
"""

import numpy as np
from numpy.typing import NDArray

LENGTH = 5

Shingles = NDArray[np.uint64]
"""The distinct hashes of a text's sequences, sorted, [shingles]."""

# Odd, so that multiplication modulo 2^64 loses nothing; from Steele et al. (2014), "SplitMix".
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def shingles(text: str) -> Shingles:
    """The text's shingles, including its padded ends, so even an empty text has some."""
    encoded = text.encode("utf-32-le", "surrogatepass")
    inside = np.frombuffer(encoded, dtype="<u4").astype(np.uint64) + np.uint64(1)
    codes = np.pad(inside, LENGTH - 1)
    hashes = np.zeros(max(0, len(codes) - LENGTH + 1), dtype=np.uint64)
    for place in range(LENGTH):
        hashes = hashes * _BASE + codes[place : place + len(hashes)]
    return np.unique(scrambled(hashes))


def scrambled(hashes: Shingles) -> Shingles:
    """The hashes with all bits mixed: SplitMix64's finaliser."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * _MIX[0]
    hashes = (hashes ^ (hashes >> np.uint64(27))) * _MIX[1]
    return hashes ^ (hashes >> np.uint64(31))


def jaccard(first: Shingles, second: Shingles) -> float:
    """The Jaccard similarity: size of the intersection ÷ size of the union; 1 for empty sets."""
    common = len(np.intersect1d(first, second, assume_unique=True))
    either = len(first) + len(second) - common
    return common / either if either else 1.0
