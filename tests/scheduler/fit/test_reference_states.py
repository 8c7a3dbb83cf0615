"""The base reads each reply of a fit once."""

from collections.abc import Iterator

import pytest
import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from scheduler.fit.batching import TokenisedReply, collate
from scheduler.fit.losses import reply_states
from scheduler.fit.reference_states import ReferenceStates
from tests.adapters import LORA, random_adapter

REPLIES = [TokenisedReply(tuple(range(5, 5 + length)), (1.0,) * 3) for length in (9, 6, 12)]


@pytest.fixture
def pool(tiny_base: BaseModel) -> Iterator[AdapterPool]:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    pool.load(1, random_adapter(pool.shapes, seed=1, scale=0.1))
    with pool.use(1), torch.no_grad():
        yield pool


def test_what_is_known_is_not_read_again(tiny_base: BaseModel, pool: AdapterPool) -> None:
    references, batch = ReferenceStates(tiny_base, pool), collate(REPLIES, tiny_base.device)
    with pool.use(NO_ADAPTER):
        expected = reply_states(tiny_base, batch).values
    reads: list[int] = []
    handle = tiny_base.model.base_model.register_forward_pre_hook(lambda *_: reads.append(1))
    keys = [(1, reply) for reply in REPLIES]
    first, again = (references.of(keys, batch).values for _ in range(2))
    handle.remove()
    assert len(reads) == 1
    assert torch.equal(first, expected)
    assert torch.equal(again, expected)


def test_what_a_fit_has_read_is_forgotten_with_it(tiny_base: BaseModel, pool: AdapterPool) -> None:
    references, batch = ReferenceStates(tiny_base, pool), collate(REPLIES[:1], tiny_base.device)
    references.of([(1, REPLIES[0])], batch)
    references.forget(1)
    reads: list[int] = []
    handle = tiny_base.model.base_model.register_forward_pre_hook(lambda *_: reads.append(1))
    references.of([(1, REPLIES[0])], batch)
    handle.remove()
    assert reads == [1]
