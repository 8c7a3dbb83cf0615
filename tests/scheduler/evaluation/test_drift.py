"""How far an adapter drifts from the base on unrelated prompts."""

import pytest

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from scheduler.evaluation.held_out import measure_reference_kl
from tests.adapters import pool_with_adapter

EXCHANGES = [("Why?", "Because it is so."), ("Who are you?", "I am a model.")]


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    return pool_with_adapter(tiny_base.model)


def test_no_adapter_does_not_drift(tiny_base: BaseModel, pool: AdapterPool) -> None:
    pool.clear(1)
    assert measure_reference_kl(tiny_base, pool, 1, EXCHANGES) == pytest.approx(0, abs=1e-6)


def test_an_adapter_that_changes_replies_drifts(tiny_base: BaseModel, pool: AdapterPool) -> None:
    assert measure_reference_kl(tiny_base, pool, 1, EXCHANGES) > 0.01
