"""Which reply has which row of the cache: decoding rows first, then prefilling rows."""

from collections.abc import Iterator

from server.engine.model.runner import PackedAdapter, Runner
from server.engine.sequence import Sequence


class RunningRows:
    """The running sequences in the order of their rows, always packed from row 0."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._sequences: list[Sequence] = []
        self.num_decoding = 0

    def __len__(self) -> int:
        return len(self._sequences)

    def __iter__(self) -> Iterator[Sequence]:
        return iter(self._sequences)

    def __getitem__(self, row: int) -> Sequence:
        return self._sequences[row]

    @property
    def decoding(self) -> list[Sequence]:
        """Replies that get one token per step."""
        return self._sequences[: self.num_decoding]

    @property
    def prefilling(self) -> list[Sequence]:
        """Replies whose prompts are not complete; the first is served first."""
        return self._sequences[self.num_decoding :]

    def index(self, sequence: Sequence) -> int:
        """The row of a sequence."""
        return self._sequences.index(sequence)

    def add(self, sequence: Sequence, adapter: PackedAdapter | None) -> int:
        """Give a sequence the next row, with its adapter; return the row."""
        self._sequences.append(sequence)
        row = len(self._sequences) - 1
        self._runner.bind(row, adapter)
        return row

    def remove(self, sequence: Sequence) -> None:
        """Free a row; others move into the gap."""
        gap = self.index(sequence)
        if gap < self.num_decoding:
            self.num_decoding -= 1
            self._move(self.num_decoding, gap)
            gap = self.num_decoding
            if gap < len(self) - 1:
                # The first prompt stays first.
                self._move(gap + 1, gap)
                gap += 1
        self._move(len(self) - 1, gap)
        self._sequences.pop()

    def clear(self) -> list[Sequence]:
        """Free all rows; return their sequences."""
        sequences, self._sequences, self.num_decoding = self._sequences, [], 0
        return sequences

    def _move(self, source: int, target: int) -> None:
        if source == target:
            return
        sequence = self._sequences[target] = self._sequences[source]
        if sequence.num_cached:
            self._runner.move_row(source, target, sequence.num_cached)
        self._runner.bind(target, sequence.packed_adapter)
