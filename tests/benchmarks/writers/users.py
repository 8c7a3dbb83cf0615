"""The writers as users, and users without a style to compare them with. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tests.benchmarks.gate.kinds import FeedbackItem
from tests.benchmarks.learning.results import Reply
from tests.benchmarks.writers.rows import WRITERS, Row


@dataclass(frozen=True, slots=True)
class WritingUser:
    """A user with one edit of each row: `own` is its index in the row's edits, by the row's id."""

    name: str
    own: Mapping[str, int]

    def corrections(self, rows: Sequence[Row]) -> list[FeedbackItem]:
        """The model's paragraphs, each corrected to the user's edit."""
        return [
            FeedbackItem(
                row.instruction,
                Reply(row.id, row.paragraph, "stop"),
                correction=row.edits[self.own[row.id]],
            )
            for row in rows
        ]


def writers(rows: Sequence[Row]) -> list[WritingUser]:
    """The three writers."""
    return [
        WritingUser(name, {row.id: number for row in rows}) for number, name in enumerate(WRITERS)
    ]


def shuffled_writers(rows: Sequence[Row], seed: int = 0) -> list[WritingUser]:
    """Three users without a style: the seed deals them the edits of each row.

    Of three rows in turn everybody gets one edit of each writer, so nobody is mostly one of them.
    """
    chance = Random(seed)
    numbers = range(len(WRITERS))
    dealt: dict[str, list[int]] = {}
    for start in range(0, len(rows), len(numbers)):
        order = chance.sample(numbers, len(numbers))
        for turn, row in enumerate(rows[start : start + len(numbers)]):
            dealt[row.id] = order[turn:] + order[:turn]
    return [
        WritingUser(f"shuffled-{number + 1}", {id: edits[number] for id, edits in dealt.items()})
        for number in numbers
    ]
