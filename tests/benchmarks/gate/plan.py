"""Which adapters are to be tried, in which order, and what each one came to. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.finished import Finished
from tests.benchmarks.gate.kinds import KINDS, Group
from tests.benchmarks.learning.results import Run

SEEDS = {Group.NULL: 10, Group.HARMFUL: 1, Group.GOOD: 1}
"""How many adapters of each kind: 40 of no meaning, so that 5 % of them are two."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One adapter: how its judgements come about, and how many there are."""

    kind: str
    seed: int
    judgements: int

    @property
    def group(self) -> Group:
        """What should come of it."""
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
        super().__init__(path, GateResult, lambda tried: tried.piece)


def pieces(groups: Collection[Group], judgements: int) -> list[Piece]:
    """All adapters of these groups, in an order of which any beginning holds some of every group.

    Each group is spread evenly over the whole, its kinds in turns.
    """
    spread: list[tuple[float, Piece]] = []
    for group in Group:
        if group in groups:
            own = _of(group, judgements)
            spread += [((place + 0.5) / len(own), piece) for place, piece in enumerate(own)]
    return [piece for _, piece in sorted(spread, key=lambda each: each[0])]


def _of(group: Group, judgements: int) -> Sequence[Piece]:
    kinds = [kind.name for kind in KINDS.values() if kind.group is group]
    return [Piece(kind, seed, judgements) for seed in range(SEEDS[group]) for kind in kinds]
