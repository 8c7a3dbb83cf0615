"""The adapters to train, in which order, and their results. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.finished import Finished
from tests.benchmarks.gate.kinds import KINDS, Group
from tests.benchmarks.learning.results import Run

SEEDS = {Group.NULL: 10, Group.HARMFUL: 1, Group.GOOD: 1}
"""How many adapters of each kind. 40 are meaningless, so that 5 % of them are two."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One adapter: the kind of its feedback, the seed that draws it, and the number of items."""

    kind: str
    seed: int
    num_feedback: int

    @property
    def group(self) -> Group:
        """Whether it should be promoted."""
        return KINDS[self.kind].group


@dataclass(frozen=True, slots=True)
class GateResult:
    """An adapter that went through the pipeline; `measured_at` is a date and time in UTC."""

    piece: Piece
    run: Run
    measured_at: str


class GateResults(Finished[Piece, GateResult]):
    """Every adapter of one file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, GateResult, lambda result: result.piece)


def pieces(groups: Collection[Group], num_feedback: int) -> list[Piece]:
    """All adapters of these groups, each group spread evenly over the whole, its kinds in turns.

    So the first ones already hold some of every group.
    """
    spread: list[tuple[float, Piece]] = []
    for group in Group:
        if group in groups:
            own = _of(group, num_feedback)
            spread += [((place + 0.5) / len(own), piece) for place, piece in enumerate(own)]
    return [piece for _, piece in sorted(spread, key=lambda each: each[0])]


def _of(group: Group, num_feedback: int) -> Sequence[Piece]:
    kinds = [kind.name for kind in KINDS.values() if kind.group is group]
    return [Piece(kind, seed, num_feedback) for seed in range(SEEDS[group]) for kind in kinds]
