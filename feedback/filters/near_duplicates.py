"""Near-equal rows: the newest stays, one that a person wrote before one that was only liked."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feedback.filters.records import DatedExample, Rejection, RejectionReason
from feedback.records import ExampleKind, TrainingExample
from feedback.text.shingles import Shingles, jaccard, scrambled, shingles

MIN_SIMILARITY = 0.8

_NUMBER = re.compile(r"\d+")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class _Content:
    """What of a row is compared. Numbers are: questions that differ by one are not the same."""

    kind: ExampleKind
    numbers: tuple[str, ...]
    parts: tuple[Shingles, ...]

    @property
    def whole(self) -> Shingles:
        """The shingles of all parts in one set: those of two parts never meet."""
        tagged = [
            scrambled(part ^ np.uint64(place)) for place, part in enumerate(self.parts, start=1)
        ]
        return np.unique(np.concatenate(tagged))


def rejections(rows: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The rows whose prompt and replies are near-equal to those of a row that is kept, by id."""
    index = MinHashIndex()
    stays: list[tuple[DatedExample, _Content]] = []
    found: dict[str, Rejection] = {}
    for row in sorted(rows, key=lambda row: (row.is_written, row.age), reverse=True):
        content = _content(row.example)
        whole = content.whole
        twins = [
            (similarity, stays[number][0].id)
            for number in index.like(whole)
            if (similarity := _similarity(content, stays[number][1])) >= MIN_SIMILARITY
        ]
        if twins:
            similarity, other = max(twins)
            found[row.id] = Rejection(RejectionReason.DUPLICATE, _why(similarity), other)
        else:
            index.add(len(stays), whole)
            stays.append((row, content))
    return found


def _content(example: TrainingExample) -> _Content:
    prompt = "\n".join(f"{turn.role}: {turn.content}" for turn in example.prompt).casefold()
    replies = [text for text in (example.chosen, example.rejected) if text is not None]
    return _Content(
        example.kind,
        tuple(_NUMBER.findall(prompt)),
        # Layout and case are style in a reply; in a prompt they are chance.
        tuple(shingles(text) for text in (_SPACE.sub(" ", prompt).strip(), *replies)),
    )


def _similarity(first: _Content, second: _Content) -> float:
    """That of the least similar part; 0 for rows of two kinds or with other numbers."""
    shapes = [(each.kind, each.numbers, len(each.parts)) for each in (first, second)]
    if shapes[0] != shapes[1]:
        return 0.0
    return min(map(jaccard, first.parts, second.parts))


def _why(similarity: float) -> str:
    if similarity == 1.0:
        return "Another row has the same prompt and reply."
    return (
        f"Another row has nearly the same prompt and reply: at least {similarity:.0%} of their"
        " 5-character sequences are the same."
    )


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
