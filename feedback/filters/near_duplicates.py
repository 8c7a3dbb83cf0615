"""Rejects near-duplicates: the newest example stays, and hand-written ones before all others."""

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
_BANDS, _VALUES = 16, 4
# Fixed, so that a match depends neither on the process nor on other sets.
_SALTS = scrambled(np.arange(1, _BANDS * _VALUES + 1, dtype=np.uint64))
_PIECE = 4096


@dataclass(frozen=True, slots=True)
class _Content:
    """What is compared of an example. Prompts with different numbers are never duplicates."""

    kind: ExampleKind
    numbers: tuple[str, ...]
    parts: tuple[Shingles, ...]

    @property
    def whole(self) -> Shingles:
        """The shingles of all parts in one set; equal shingles of two parts stay distinct."""
        tagged = [
            scrambled(part ^ np.uint64(place)) for place, part in enumerate(self.parts, start=1)
        ]
        return np.unique(np.concatenate(tagged))


class MinHashIndex:
    """Numbered sets of shingles; finds those that may be similar to another set."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)

    def add(self, number: int, hashes: Shingles) -> None:
        """Add a set, which may not be empty."""
        for band in _bands(hashes):
            self._buckets[band].append(number)

    def like(self, hashes: Shingles) -> list[int]:
        """The numbers of the sets that may be similar to this one, ascending."""
        return sorted({number for band in _bands(hashes) for number in self._buckets.get(band, ())})


def rejections(examples: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The examples whose prompt and replies nearly equal those of an accepted one, by id."""
    index = MinHashIndex()
    accepted: list[tuple[DatedExample, _Content]] = []
    found: dict[str, Rejection] = {}
    for each in sorted(examples, key=lambda each: (each.is_hand_written, each.age), reverse=True):
        content = _content(each.example)
        whole = content.whole
        twins = [
            (similarity, accepted[number][0].id)
            for number in index.like(whole)
            if (similarity := _similarity(content, accepted[number][1])) >= MIN_SIMILARITY
        ]
        if twins:
            similarity, other = max(twins)
            found[each.id] = Rejection(RejectionReason.DUPLICATE, _why(similarity), other)
        else:
            index.add(len(accepted), whole)
            accepted.append((each, content))
    return found


def _content(example: TrainingExample) -> _Content:
    prompt = "\n".join(f"{turn.role}: {turn.content}" for turn in example.messages).casefold()
    replies = [text for text in (example.chosen, example.rejected) if text is not None]
    return _Content(
        example.kind,
        tuple(_NUMBER.findall(prompt)),
        # Layout and case are style in a reply, but chance in a prompt.
        tuple(shingles(text) for text in (_SPACE.sub(" ", prompt).strip(), *replies)),
    )


def _similarity(first: _Content, second: _Content) -> float:
    """The similarity of the least similar part; 0 if the kinds or the numbers differ."""
    shapes = [(each.kind, each.numbers, len(each.parts)) for each in (first, second)]
    if shapes[0] != shapes[1]:
        return 0.0
    return min(map(jaccard, first.parts, second.parts))


def _why(similarity: float) -> str:
    if similarity == 1.0:
        return "Another example has the same prompt and reply."
    return (
        f"Another example has nearly the same prompt and reply: at least {similarity:.0%} of their"
        " 5-character sequences are the same."
    )


def _bands(hashes: Shingles) -> list[tuple[int, bytes]]:
    """The set's MinHash signature, cut into numbered bands."""
    # In pieces, because the table of a long text would take much memory.
    pieces = (hashes[start : start + _PIECE] for start in range(0, len(hashes), _PIECE))
    minima = [scrambled(piece ^ _SALTS[:, np.newaxis]).min(axis=1) for piece in pieces]
    smallest = np.min(minima, axis=0)
    return [(i, band.tobytes()) for i, band in enumerate(smallest.reshape(_BANDS, _VALUES))]
