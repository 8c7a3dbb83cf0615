"""Groups sequences of a step or a measurement into micro-batches of bounded size."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

MICRO_BATCH_TOKENS = 2048
MOST_PADDING = 1.5


@dataclass(frozen=True, slots=True)
class ActivationSize:
    """Bytes of activations that the backward pass needs of the trained blocks.

    Each of the `num_blocks` keeps `block` bytes of a token, and `score` bytes for every pair of
    tokens of a sequence that is not longer than `longest_scored`. Between two blocks a token has
    `state` bytes.
    """

    num_blocks: int
    block: int
    state: int
    score: int
    longest_scored: int

    def plain(self, length: int) -> int:
        """Bytes per token of sequences of this length: all blocks', and one block's gradients."""
        return (self.num_blocks + 1) * self._in_block(length)

    def checkpointed(self, length: int) -> int:
        """Bytes per token if only the states between the blocks are kept.

        The backward pass then makes the activations of one block after the other again.
        """
        return self.num_blocks * self.state + 2 * self._in_block(length)

    def _in_block(self, length: int) -> int:
        return self.block + (self.score * length if length <= self.longest_scored else 0)


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Which sequences make a micro-batch, and whether the trained blocks are checkpointed."""

    indices: tuple[int, ...]
    is_checkpointed: bool


def training_micro_batches(
    lengths: Sequence[int],
    size: ActivationSize,
    budget: int,
    rows: Sequence[int] = (),
    max_tokens: int = MICRO_BATCH_TOKENS,
) -> Iterator[MicroBatch]:
    """Micro-batches whose activations take at most `budget` bytes, unless one alone takes more.

    Checkpoints repeat the forward pass, so only sequences that alone exceed the budget get them.
    Each of the `lengths` is that of as many rows as `rows` says, 1 if it is empty.
    """
    rows = rows or [1] * len(lengths)

    def needs_checkpoints(i: int) -> bool:
        plain, checkpointed = size.plain(lengths[i]), size.checkpointed(lengths[i])
        return rows[i] * lengths[i] * plain > budget and checkpointed < plain

    for is_checkpointed in (False, True):
        chosen = [i for i in range(len(lengths)) if needs_checkpoints(i) is is_checkpointed]
        bytes_per_token = size.checkpointed if is_checkpointed else size.plain

        def limit(length: int, bytes_per_token: Callable[[int], int] = bytes_per_token) -> int:
            return min(max_tokens, budget // bytes_per_token(length))

        of_chosen = [lengths[i] for i in chosen], limit, [rows[i] for i in chosen]
        for group in micro_batches(*of_chosen):
            yield MicroBatch(tuple(chosen[i] for i in group), is_checkpointed)


def micro_batches(
    lengths: Sequence[int],
    limit: Callable[[int], int] = lambda length: MICRO_BATCH_TOKENS,
    rows: Sequence[int] = (),
) -> Iterator[list[int]]:
    """Group indices by length, so that no padded group of several has more tokens than its limit.

    `limit` gives the most tokens of a group by the length of its longest. In a group, none is
    longer than `MOST_PADDING` times the shortest. `rows` as in `training_micro_batches`.
    """
    rows = rows or [1] * len(lengths)
    group: list[int] = []
    num_rows = 0
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        length = lengths[index]
        is_full = length * (num_rows + rows[index]) > limit(length)
        if group and (is_full or length > MOST_PADDING * lengths[group[0]]):
            yield group
            group, num_rows = [], 0
        group.append(index)
        num_rows += rows[index]
    if group:
        yield group
