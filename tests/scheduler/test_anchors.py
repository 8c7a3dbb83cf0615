"""What the base and an adapter reply to the generic prompts, and how far apart they are."""

from pathlib import Path

import pytest

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from scheduler import anchors
from scheduler.anchors import ANCHOR_REPLY_TOKENS, ANCHORS, anchor_replies
from scheduler.evaluate import anchor_report
from scheduler.generation import greedy_replies
from tests.adapters import LORA, random_adapter


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    """Slot 1 holds an adapter that changes replies, slot 2 another."""
    pool = AdapterPool(tiny_base.model, LORA, num_slots=3)
    for slot in (1, 2):
        pool.load(slot, random_adapter(pool.shapes, seed=slot))
    return pool


def test_replies_made_in_one_batch_are_those_made_apart(
    tiny_base: BaseModel, pool: AdapterPool, tmp_path: Path
) -> None:
    apart = [
        greedy_replies(tiny_base, pool, slot, ANCHORS, ANCHOR_REPLY_TOKENS)
        for slot in (NO_ADAPTER, 1)
    ]
    assert list(anchor_replies(tiny_base, pool, 1, tmp_path)) == apart
    assert apart[0] != apart[1]


def test_the_replies_of_the_base_are_made_once(
    tiny_base: BaseModel, pool: AdapterPool, tmp_path: Path
) -> None:
    made, first = anchor_replies(tiny_base, pool, 1, tmp_path)
    [file] = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    kept, second = anchor_replies(tiny_base, pool, 2, tmp_path)
    assert kept == made
    assert second != first
    assert file.stat().st_mtime_ns == written


def test_replies_of_another_length_are_not_mistaken_for_these(
    tiny_base: BaseModel, pool: AdapterPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, _ = anchor_replies(tiny_base, pool, 1, tmp_path)
    monkeypatch.setattr(anchors, "ANCHOR_REPLY_TOKENS", 4)
    short, _ = anchor_replies(tiny_base, pool, 1, tmp_path)
    assert sum(map(len, short)) < sum(map(len, long))


def test_no_adapter_does_not_drift(tiny_base: BaseModel, pool: AdapterPool, tmp_path: Path) -> None:
    pool.clear(1)
    report = anchor_report(tiny_base, pool, 1, tmp_path)
    assert report.kl == pytest.approx(0, abs=1e-6)
    assert report.repetition_adapter == report.repetition_base


def test_an_adapter_that_changes_replies_drifts(
    tiny_base: BaseModel, pool: AdapterPool, tmp_path: Path
) -> None:
    assert anchor_report(tiny_base, pool, 1, tmp_path).kl > 0.01
