"""Padding and grouping."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from adapters_store.base_model import BaseModel
from feedback.records import Message
from scheduler.trainers.batches import TokenisedReply, collate, micro_batches, tokenise

lengths = st.lists(st.integers(1, 300), max_size=40)


@given(lengths=lengths, limit=st.integers(1, 500))
def test_every_row_is_in_exactly_one_group(lengths: list[int], limit: int) -> None:
    groups = list(micro_batches(lengths, limit))
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))


@given(lengths=lengths, limit=st.integers(1, 500))
def test_no_group_of_several_rows_is_over_the_limit(lengths: list[int], limit: int) -> None:
    for group in micro_batches(lengths, limit):
        assert len(group) == 1 or len(group) * max(lengths[i] for i in group) <= limit


def test_only_the_reply_is_marked() -> None:
    rows = [TokenisedReply((5, 6, 7), 1), TokenisedReply((8, 9, 10, 11), 2, weight=2.0)]
    batch = collate(rows, torch.device("cpu"))
    assert batch.ids.tolist() == [[5, 6, 7, 0], [8, 9, 10, 11]]
    assert batch.attention.tolist() == [[True, True, True, False], [True] * 4]
    assert batch.is_reply.tolist() == [[False, False, True, False], [False, False, True, True]]
    assert batch.weights.tolist() == [1.0, 2.0]


def test_a_prompt_that_fills_the_limit_leaves_nothing_to_learn(tiny_base: BaseModel) -> None:
    assert tokenise(tiny_base.renderer, [Message("user", "x" * 90)], "reply", 40) is None


def test_a_long_reply_is_cut_at_the_limit(tiny_base: BaseModel) -> None:
    row = tokenise(tiny_base.renderer, [Message("user", "x")], "y" * 90, 60)
    assert row is not None
    assert len(row.ids) == 60
    assert row.reply_tokens < 60
