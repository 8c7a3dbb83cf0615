"""Greedy replies of transformers."""

from pathlib import Path

import pytest

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from adapters_store.records import LoraConfig
from feedback.records import Message
from scheduler.trainer import generate
from scheduler.trainer.generate import greedy_replies
from tests.adapters import LORA, random_adapter
from tests.conftest import load_tiny
from tests.tiny_model import (
    CHAT_TEMPLATE,
    OPENED_TEMPLATE,
    THINKING_TEMPLATE,
    build_thinking_model,
)


@pytest.mark.parametrize(
    "template",
    [THINKING_TEMPLATE, OPENED_TEMPLATE, CHAT_TEMPLATE],
    ids=["switched off", "closed", "cut off"],
)
def test_replies_of_a_model_that_thinks_have_no_reasoning(tmp_path: Path, template: str) -> None:
    base = load_tiny(build_thinking_model(tmp_path, chat_template=template))
    pool = AdapterPool(base.model, LoraConfig(rank=2), num_slots=1)
    assert greedy_replies(base, pool, 0, [[Message("user", "hi")]], max_tokens=20) == ["Ok."]


def test_many_conversations_are_answered_a_few_at_a_time_in_their_order(
    tiny_base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    pool.load(1, random_adapter(pool.shapes, seed=1))
    conversations = [[Message("user", "tell me " * length)] for length in (9, 1, 5, 2)]
    slots = [0, 1, 1, 0]
    at_once = greedy_replies(tiny_base, pool, slots, conversations, max_tokens=12)
    assert len(set(at_once)) == 4
    rows: list[int] = []
    tiny_base.model.get_input_embeddings().register_forward_pre_hook(
        lambda module, arguments: rows.append(len(arguments[0]))
    )
    monkeypatch.setattr(generate, "CACHE_BYTES", 1)
    assert greedy_replies(tiny_base, pool, slots, conversations, max_tokens=12) == at_once
    assert set(rows) == {1}
