"""Finds sets that may be alike without comparing all with all: MinHash with banding.

Broder (1997): the smallest value of a random permutation is equal for two sets with a probability
that is their Jaccard similarity. Sixteen bands of four such values (Leskovec et al., "Mining of
Massive Datasets", section 3.4): of pairs with a similarity of 0.8 one in 5,000 is missed.
"""

from collections import defaultdict

import numpy as np

from feedback.curation.shingles import Shingles, scrambled

_BANDS, _VALUES = 16, 4
# Fixed: whether two sets meet must not depend on the process or on other sets.
_SALTS = scrambled(np.arange(1, _BANDS * _VALUES + 1, dtype=np.uint64))

_PIECE = 4096


class MinHashIndex:
    """Sets under numbers of the caller's, to be asked which of them may be like another."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)

    def add(self, number: int, hashes: Shingles) -> None:
        """Keep a set, which may not be empty."""
        for band in _bands(hashes):
            self._buckets[band].append(number)

    def like(self, hashes: Shingles) -> list[int]:
        """The numbers of the sets that may be like this one, ascending."""
        return sorted({number for band in _bands(hashes) for number in self._buckets.get(band, ())})


def _bands(hashes: Shingles) -> list[tuple[int, bytes]]:
    """The set's MinHash signature, cut into numbered bands."""
    # In pieces, or the table of a long text would take much memory.
    pieces = (hashes[start : start + _PIECE] for start in range(0, len(hashes), _PIECE))
    minima = [scrambled(piece ^ _SALTS[:, np.newaxis]).min(axis=1) for piece in pieces]
    smallest = np.min(minima, axis=0)
    return [(i, band.tobytes()) for i, band in enumerate(smallest.reshape(_BANDS, _VALUES))]
