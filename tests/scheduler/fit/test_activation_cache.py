"""Sequences pass the untrained blocks once, and nothing else is different."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from adapters_store.records import LoraConfig
from scheduler.fit import activation_cache
from scheduler.fit.activation_cache import ActivationCache
from scheduler.fit.batching import TokenisedReply, collate
from scheduler.fit.vocabulary import read_states
from tests.adapters import random_adapter

SLOT = 1
ROWS = [SLOT] * 3
SEQUENCES = [TokenisedReply(tuple(range(5, 5 + length)), (1.0,) * 3) for length in (9, 6, 12)]


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    pool = AdapterPool(tiny_base.model, LoraConfig(rank=4, alpha=8.0), num_slots=2)
    pool.load(SLOT, random_adapter(pool.shapes, seed=1, rank=4))
    pool.train_upper(0.5)
    return pool


@pytest.fixture
def passes(tiny_base: BaseModel) -> Iterator[list[int]]:
    """The batch size of each pass through the lowest block's attention."""
    sizes: list[int] = []
    attention = tiny_base.model.get_submodule("model.layers.0.self_attn")
    hook = attention.register_forward_pre_hook(
        lambda module, arguments, options: sizes.append(len(options["hidden_states"])),
        with_kwargs=True,
    )
    yield sizes
    hook.remove()


def states_of(tiny_base: BaseModel, pool: AdapterPool, *numbers: int, slot: int = SLOT) -> Tensor:
    """The last states of some sequences' reply tokens, read in one batch."""
    batch = collate([SEQUENCES[number] for number in numbers], tiny_base.device)
    with pool.use(slot):
        return read_states(tiny_base, batch.ids, batch.attention, batch.is_reply).values


def gradients(tiny_base: BaseModel, pool: AdapterPool) -> list[Tensor]:
    """Those of a loss over all sequences, in batches of several lengths."""
    with pool.train(SLOT):
        for numbers in ((0, 1), (2, 0), (1, 2)):
            states_of(tiny_base, pool, *numbers).square().mean().backward()  # type: ignore[no-untyped-call]
        weights = [weight for weights in pool.trained_weights(SLOT) for weight in weights]
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    assert len(gradients) == len(weights)
    return gradients


def test_states_are_the_same_with_other_padding(tiny_base: BaseModel, pool: AdapterPool) -> None:
    plain = states_of(tiny_base, pool, 1, 2)
    with ActivationCache(tiny_base, pool).reading(ROWS), torch.no_grad():
        states_of(tiny_base, pool, 0, 1)
        states_of(tiny_base, pool, 2)
        torch.testing.assert_close(states_of(tiny_base, pool, 1, 2), plain, rtol=1e-4, atol=1e-5)


def test_gradients_are_the_same(tiny_base: BaseModel, pool: AdapterPool) -> None:
    plain = gradients(tiny_base, pool)
    with ActivationCache(tiny_base, pool).reading(ROWS):
        for one, other in zip(gradients(tiny_base, pool), plain, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_sequence_passes_the_lower_blocks_once(
    tiny_base: BaseModel, pool: AdapterPool, passes: list[int]
) -> None:
    with ActivationCache(tiny_base, pool).reading(ROWS), torch.no_grad():
        for _ in range(3):
            states_of(tiny_base, pool, 0, 1)
        states_of(tiny_base, pool, 1)
    assert passes == [2]


def test_what_the_base_reads_is_not_cached(
    tiny_base: BaseModel, pool: AdapterPool, passes: list[int]
) -> None:
    plain = states_of(tiny_base, pool, 0, slot=NO_ADAPTER)
    with ActivationCache(tiny_base, pool).reading(ROWS), torch.no_grad():
        states_of(tiny_base, pool, 0)
        for _ in range(2):
            assert torch.equal(states_of(tiny_base, pool, 0, slot=NO_ADAPTER), plain)
        states_of(tiny_base, pool, 0)
    assert passes == [1, 1, 1, 1]


def test_afterwards_every_sequence_passes_all_blocks(
    tiny_base: BaseModel, pool: AdapterPool, passes: list[int]
) -> None:
    with ActivationCache(tiny_base, pool).reading(ROWS), torch.no_grad():
        states_of(tiny_base, pool, 0)
    for _ in range(2):
        states_of(tiny_base, pool, 0)
    assert passes == [1, 1, 1]


def test_if_all_blocks_are_trained_nothing_is_cached(
    tiny_base: BaseModel, pool: AdapterPool, passes: list[int]
) -> None:
    pool.train_upper(1.0)
    with ActivationCache(tiny_base, pool).reading(ROWS), torch.no_grad():
        for _ in range(2):
            states_of(tiny_base, pool, 0)
    assert passes == [1, 1]


def test_the_cache_is_bounded(
    tiny_base: BaseModel, pool: AdapterPool, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activation_cache, "MOST_TOKENS", 10)
    with ActivationCache(tiny_base, pool).reading(ROWS), torch.no_grad():
        for number in (0, 1, 0, 1):
            states_of(tiny_base, pool, number)
    assert passes == [1, 1, 1]
