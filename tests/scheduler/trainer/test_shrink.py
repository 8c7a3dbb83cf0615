"""An adapter that drifted too far is shrunk, if that is enough."""

import pytest
import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from scheduler.evaluation.held_out import measure_reference_kl
from scheduler.trainer.shrink import FACTORS, shrink
from tests.adapters import pool_with_adapter
from tests.scheduler.evaluation.test_drift import EXCHANGES


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    return pool_with_adapter(tiny_base.model, scale=0.05)


def weights(pool: AdapterPool) -> torch.Tensor:
    return torch.cat([layer.B[1].flatten() for layer in pool.layers.values()])


def drift_at(base: BaseModel, pool: AdapterPool, factor: float) -> float:
    pool.scale(1, factor)
    drift = measure_reference_kl(base, pool, 1, EXCHANGES)
    pool.scale(1, 1 / factor)
    return drift


def test_a_slot_that_is_near_enough_stays_as_it_is(tiny_base: BaseModel, pool: AdapterPool) -> None:
    before = weights(pool)
    allowed = measure_reference_kl(tiny_base, pool, 1, EXCHANGES)
    assert not shrink(tiny_base, pool, 1, EXCHANGES, allowed)
    assert torch.equal(weights(pool), before)


@pytest.mark.parametrize("factor", FACTORS)
def test_a_slot_is_shrunk_no_more_than_necessary(
    tiny_base: BaseModel, pool: AdapterPool, factor: float
) -> None:
    before = weights(pool)
    allowed = drift_at(tiny_base, pool, factor) + 1e-6
    assert shrink(tiny_base, pool, 1, EXCHANGES, allowed)
    assert measure_reference_kl(tiny_base, pool, 1, EXCHANGES) <= allowed
    torch.testing.assert_close(weights(pool), before * factor)


def test_a_slot_that_no_factor_brings_near_enough_stays_as_it_is(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    before = weights(pool)
    assert not shrink(tiny_base, pool, 1, EXCHANGES, drift_at(tiny_base, pool, 0.5))
    torch.testing.assert_close(weights(pool), before)
