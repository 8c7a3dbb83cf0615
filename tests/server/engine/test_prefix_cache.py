"""The cached prefixes of finished replies, and which versions may read them."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from server.engine.prefix_cache import PrefixCache, common_length

tokens = st.lists(st.integers(0, 3), max_size=12)


def states(length: int) -> Tensor:
    """One byte per token."""
    return torch.zeros(length, dtype=torch.int8)


@given(a=tokens, b=tokens)
def test_the_common_beginning_is_common_and_cannot_be_longer(a: list[int], b: list[int]) -> None:
    length = common_length(a, b)
    assert a[:length] == b[:length]
    assert length == min(len(a), len(b)) or a[length] != b[length]


def test_the_longest_common_beginning_is_found() -> None:
    cache = PrefixCache(100, block=1)
    short, long = states(2), states(3)
    cache.add(None, [1, 2], short)
    cache.add(None, [1, 9, 9], long)
    assert cache.longest(None, [1, 9, 9, 4]) == (long, 3)
    found = cache.longest(None, [1, 2, 4])
    assert found is not None and found[0] is short and found[1] == 2


def test_another_version_never_reads_it() -> None:
    cache = PrefixCache(100, block=1)
    cache.add("version-1", [1, 2, 3], states(3))
    assert cache.longest("version-2", [1, 2, 3, 4]) is None
    assert cache.longest(None, [1, 2, 3, 4]) is None


def test_one_token_is_left_for_its_logits() -> None:
    cache = PrefixCache(100, block=1)
    cache.add(None, [1, 2, 3], states(3))
    found = cache.longest(None, [1, 2, 3])
    assert found is not None and found[1] == 2


def test_a_longer_prefix_replaces_those_that_it_extends() -> None:
    cache = PrefixCache(100, block=1)
    cache.add(None, [1, 2], states(2))
    cache.add("other", [1], states(1))
    cache.add(None, [1, 2, 3], states(3))
    assert len(cache) == 2
    assert cache.size_bytes == 4


def test_only_whole_blocks_are_reused() -> None:
    cache = PrefixCache(100, block=4)
    cache.add(None, list(range(10)), states(10))
    found = cache.longest(None, list(range(10)))
    assert found is not None and found[1] == 8
    assert cache.longest(None, [0, 1, 2, 9]) is None


def test_the_least_recently_used_makes_room() -> None:
    cache = PrefixCache(5, block=1)
    cache.add(None, [1, 1], states(2))
    cache.add(None, [2, 2], states(2))
    assert cache.longest(None, [1, 1, 5]) is not None
    cache.add(None, [3, 3], states(2))
    assert cache.longest(None, [2, 2, 5]) is None
    assert cache.longest(None, [1, 1, 5]) is not None


@given(lengths=st.lists(st.integers(1, 9), max_size=20), budget=st.integers(0, 30))
def test_memory_stays_within_the_budget(lengths: list[int], budget: int) -> None:
    cache = PrefixCache(budget, block=1)
    for i, length in enumerate(lengths):
        cache.add(None, [100 + i, *range(length)], states(length))
        assert cache.size_bytes <= budget


def test_a_resumed_reply_reuses_the_last_part_of_a_block() -> None:
    cache = PrefixCache(100, block=4)
    cache.add(None, [1, 2, 3, 4, 5, 6], states(6))
    whole, resumed = (
        cache.longest(None, [1, 2, 3, 4, 5, 6, 7], is_resumed=each) for each in (False, True)
    )
    assert whole is not None and whole[1] == 4
    assert resumed is not None and resumed[1] == 6
