"""The base's losses on replies, with and without their prompts."""

from dataclasses import replace

import pytest

from adapters_store.base_model import BaseModel
from adapters_store.errors import PromptError
from adapters_store.lora import NO_ADAPTER, AdapterPool
from feedback.records import Message
from scheduler.evaluation.held_out import reply_losses
from scheduler.trainer.example_losses import example_losses
from tests.adapters import LORA
from tests.scheduler.training import make_example

EXAMPLES = [make_example("one?", "a reply"), make_example("two?", "a reply")]


def test_every_reply_is_measured_with_its_prompt_and_without(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    losses = example_losses(tiny_base, pool, EXAMPLES, 100)
    first, second = (losses[each.id] for each in EXAMPLES)
    assert first.without_prompt == pytest.approx(second.without_prompt)
    assert first.with_prompt != pytest.approx(second.with_prompt)
    [expected] = reply_losses(tiny_base, pool, NO_ADAPTER, EXAMPLES[:1], 100)
    assert first.with_prompt == pytest.approx(expected)


def test_a_prompt_that_is_too_long_has_no_loss(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    long = replace(EXAMPLES[0], messages=(Message("user", "word " * 50),))
    losses = example_losses(tiny_base, pool, [long], 60)[long.id]
    assert losses.with_prompt is None and losses.without_prompt is not None


def test_a_template_that_refuses_an_empty_turn_gives_no_losses(
    tiny_base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = "{% if not messages[0].content %}{{ raise_exception('empty') }}{% endif %}"
    template = tiny_base.renderer.tokenizer.chat_template
    monkeypatch.setattr(tiny_base.renderer.tokenizer, "chat_template", refusing + str(template))
    with pytest.raises(PromptError):
        tiny_base.renderer.prompt_ids([Message("user", "")])
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    assert example_losses(tiny_base, pool, EXAMPLES, 100) == {}
