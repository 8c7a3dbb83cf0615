"""Padding, grouping, and the weight of each token."""

from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from adapters_store.base_model import BaseModel
from feedback.records import Message
from scheduler.fit.batching import (
    TokenisedReply,
    collate,
    compare_with_original,
    tokenise,
    tokenise_target,
)
from scheduler.records import TrainingConfig
from tests.scheduler.training import make_example

CONFIG = TrainingConfig(max_tokens=90, divergence_weight=8.0)


def test_ids_of_the_original_are_kept_except_after_a_deletion() -> None:
    _, is_kept = compare_with_original([3, 7, 4, 6, 9], [3, 4, 5, 6, 9], edited=2.0, divergence=8.0)
    assert is_kept == [True, False, True, False, True]


def test_only_the_reply_is_marked() -> None:
    replies = [TokenisedReply((5, 6, 7), (1.0,)), TokenisedReply((8, 9, 10, 11), (2.0, 3.0))]
    batch = collate(replies, torch.device("cpu"))
    assert batch.ids.tolist() == [[5, 6, 7, 0], [8, 9, 10, 11]]
    assert batch.attention.tolist() == [[True, True, True, False], [True] * 4]
    assert batch.is_reply.tolist() == [[False, False, True, False], [False, False, True, True]]
    assert batch.weights.tolist() == [[0, 0, 1, 0], [0, 0, 2, 3]]


def test_a_prompt_that_fills_the_limit_leaves_no_reply(tiny_base: BaseModel) -> None:
    assert tokenise(tiny_base.renderer, [Message("user", "x" * 90)], "reply", 40) is None


def test_a_long_reply_is_cut_at_the_limit(tiny_base: BaseModel) -> None:
    reply = tokenise(tiny_base.renderer, [Message("user", "x")], "y" * 90, 60)
    assert reply is not None
    assert len(reply.ids) == 60
    assert reply.reply_tokens < 60


def test_changed_tokens_count_more_and_the_first_of_a_stretch_most() -> None:
    weights, _ = compare_with_original([3, 7, 8, 5, 9], [3, 4, 5, 9], edited=2.0, divergence=8.0)
    assert weights == [1.0, 8.0, 2.0, 1.0, 1.0]


def test_many_changed_stretches_share_the_weight_of_a_few() -> None:
    weights, _ = compare_with_original([7, 8, 3, 6, 9], [3, 9], edited=2.0, divergence=8.0)
    assert weights == [8.0, 2.0, 1.0, 8.0, 8.0]
    four, _ = compare_with_original([7, 1, 7, 2, 7, 3, 7, 4, 9], [1, 2, 3, 4, 9], 2.0, 8.0)
    assert set(four) == {1.0, 6.0}
    many, _ = compare_with_original([7, 1] * 12 + [9], [1] * 12 + [9], 2.0, 8.0)
    assert set(many) == {1.0, 2.0}


def test_an_end_where_the_original_goes_on_is_a_change() -> None:
    weights, _ = compare_with_original([3, 4, 9], [3, 4, 5, 6, 9], edited=2.0, divergence=8.0)
    assert weights == [1.0, 1.0, 8.0]


def test_the_end_that_an_edit_leaves_alone_counts_once(tiny_base: BaseModel) -> None:
    example = make_example("why?", "it is so.", revised_from="It is so.")
    reply = tokenise_target(tiny_base.renderer, example, CONFIG)
    assert reply is not None
    assert reply.weights == (8.0, *(1.0,) * len("t is so."), 1.0)


def test_a_truncated_reply_has_no_end_to_learn(tiny_base: BaseModel) -> None:
    whole = make_example("why?", "it is so.", revised_from="It is so.")
    complete, truncated = [
        tokenise_target(tiny_base.renderer, each, CONFIG)
        for each in (whole, replace(whole, is_truncated=True))
    ]
    assert complete is not None
    assert truncated is not None
    assert truncated.ids == complete.ids[:-1]
    assert truncated.weights == complete.weights[:-1]


@given(original=st.lists(st.integers(1, 4)), reply=st.lists(st.integers(1, 4), min_size=1))
def test_only_changed_tokens_count_more(original: list[int], reply: list[int]) -> None:
    assert set(compare_with_original(reply, reply, 2.0, 8.0)[0]) == {1.0}
    weights, _ = compare_with_original(reply, original, 2.0, 8.0)
    assert all(weight == 1 or 2 <= weight <= 8 for weight in weights)
