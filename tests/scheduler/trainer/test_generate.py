from pathlib import Path

import pytest

from adapters_store.lora import AdapterPool
from adapters_store.records import LoraConfig
from feedback.records import Message
from scheduler.trainer.generate import greedy_replies
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
