"""How far an adapter drifts from the base on unrelated prompts."""

from math import ceil

import pytest
import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import Message
from scheduler.evaluation.held_out import TRIMMED_SHARE, measure_reference_kl
from scheduler.fit.batching import collate, tokenise
from scheduler.fit.losses import kl_from_base
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


def test_the_tokens_that_diverge_most_do_not_count(tiny_base: BaseModel, pool: AdapterPool) -> None:
    rows = [
        tokenise(tiny_base.renderer, [Message("user", q)], reply, 256) for q, reply in EXCHANGES
    ]
    batch = collate([row for row in rows if row], tiny_base.device)
    with torch.no_grad(), pool.use(1):
        by_size = sorted(kl_from_base(tiny_base, pool, batch).tolist())
    counted = by_size[: ceil((1 - TRIMMED_SHARE) * len(by_size))]
    assert len(counted) < len(by_size)
    drift = measure_reference_kl(tiny_base, pool, 1, EXCHANGES)
    assert drift == pytest.approx(sum(counted) / len(counted), rel=1e-4)
