"""Micro-batches: of bounded size, checkpointed only if they must be."""

from hypothesis import given
from hypothesis import strategies as st

from scheduler.fit.micro_batches import (
    MICRO_BATCH_TOKENS,
    MOST_PADDING,
    ActivationSize,
    MicroBatch,
    micro_batches,
    training_micro_batches,
)

sequences = st.lists(st.tuples(st.integers(1, 300), st.sampled_from([1, 2])), max_size=40)
"""The length and the number of rows of each."""
sizes = st.builds(
    ActivationSize,
    num_blocks=st.integers(1, 40),
    block=st.integers(1, 1000),
    state=st.integers(1, 100),
    score=st.integers(0, 10),
    longest_scored=st.sampled_from([0, 100, 512]),
)
budgets = st.integers(1, 10_000_000)

Sequences = list[tuple[int, int]]


def split(sequences: Sequences) -> tuple[list[int], list[int]]:
    return [length for length, _ in sequences], [rows for _, rows in sequences]


def bytes_of(batch: MicroBatch, lengths: list[int], size: ActivationSize, rows: list[int]) -> int:
    longest = max(lengths[i] for i in batch.indices)
    per_token = size.checkpointed(longest) if batch.is_checkpointed else size.plain(longest)
    return sum(rows[i] for i in batch.indices) * longest * per_token


@given(sequences=sequences, limit=st.integers(1, 500))
def test_every_index_is_in_exactly_one_group(sequences: Sequences, limit: int) -> None:
    lengths, rows = split(sequences)
    groups = list(micro_batches(lengths, lambda length: limit, rows))
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))


@given(sequences=sequences, limit=st.integers(1, 500))
def test_no_group_of_several_is_over_the_limit(sequences: Sequences, limit: int) -> None:
    lengths, rows = split(sequences)
    for group in micro_batches(lengths, lambda length: limit, rows):
        longest, shortest = (choose(lengths[i] for i in group) for choose in (max, min))
        assert len(group) == 1 or sum(rows[i] for i in group) * longest <= limit
        assert longest <= MOST_PADDING * shortest


@given(sequences=sequences, size=sizes, budget=budgets)
def test_every_sequence_is_trained_once(
    sequences: Sequences, size: ActivationSize, budget: int
) -> None:
    lengths, rows = split(sequences)
    batches = training_micro_batches(lengths, size, budget, rows)
    assert sorted(i for batch in batches for i in batch.indices) == list(range(len(lengths)))


@given(sequences=sequences, size=sizes, budget=budgets)
def test_the_activations_of_several_sequences_fit_into_the_budget(
    sequences: Sequences, size: ActivationSize, budget: int
) -> None:
    lengths, rows = split(sequences)
    for batch in training_micro_batches(lengths, size, budget, rows):
        if len(batch.indices) > 1:
            longest = max(lengths[i] for i in batch.indices)
            assert bytes_of(batch, lengths, size, rows) <= budget
            assert sum(rows[i] for i in batch.indices) * longest <= MICRO_BATCH_TOKENS


@given(sequences=sequences, size=sizes, budget=budgets)
def test_only_sequences_that_alone_exceed_the_budget_are_checkpointed(
    sequences: Sequences, size: ActivationSize, budget: int
) -> None:
    lengths, rows = split(sequences)
    for batch in training_micro_batches(lengths, size, budget, rows):
        for i in batch.indices:
            plain = rows[i] * lengths[i] * size.plain(lengths[i])
            saves = size.checkpointed(lengths[i]) < size.plain(lengths[i])
            assert batch.is_checkpointed is (plain > budget and saves)


def test_a_model_of_one_block_is_never_checkpointed() -> None:
    size = ActivationSize(num_blocks=1, block=100, state=10, score=0, longest_scored=0)
    [batch] = training_micro_batches([1000], size, budget=1)
    assert not batch.is_checkpointed
