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
    def replies(self) -> list[Sequence]:
        """All but the guides of guided replies."""
        return [each for each in self._sequences if not each.is_guide]

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

    def pair_up(self) -> None:
        """Put the two rows of each guided reply that is prefilling side by side, in the place of
        the first. The longer rest of a prompt comes first: it is never complete before the other.
        """
        guides = {each.guided_by: each for each in self._sequences if each.guided_by}
        for row in range(self.num_decoding, len(self) - 1):
            first = self._sequences[row]
            partner = first.guided_by or guides.get(first)
            if partner is None or (row > self.num_decoding and self.is_first_of_pair(row - 1)):
                continue
            self.swap(row + 1, self.index(partner))
            if partner.num_uncached > first.num_uncached:
                self.swap(row, row + 1)

    def is_first_of_pair(self, row: int) -> bool:
        """Whether a prefilling row and the next are of one guided reply, after `pair_up`."""
        first, *rest = self._sequences[row : row + 2]
        return any(first.guided_by is each or each.guided_by is first for each in rest)

    def swap(self, row: int, other: int) -> None:
        """Exchange two rows, both of decoding or both of prefilling sequences."""
        if row == other:
            return
        sequence = self._sequences[row]
        saved = self._runner.save(row, sequence.num_cached) if sequence.num_cached else None
        self._move(other, row)
        self._sequences[other] = sequence
        if saved is not None:
            self._runner.restore(other, saved, sequence.num_cached)
        self._runner.bind(other, sequence.packed_adapter)

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
