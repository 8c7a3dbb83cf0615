"""The one renderer, and the choice of device and precision."""

import copy
import logging
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters_store.base_model import (
    BaseModel,
    Renderer,
    choose_device,
    choose_dtype,
    outline_base_model,
)
from adapters_store.errors import PromptError
from adapters_store.lora import linear_shapes
from feedback.records import Message

roles = st.sampled_from(["system", "user", "assistant"])
messages = st.lists(st.builds(Message, role=roles, content=st.text(max_size=40)), min_size=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(conversation=messages, reply=st.text(max_size=40))
def test_a_prompts_ids_are_a_prefix_of_its_examples_ids(
    tiny_base: BaseModel, conversation: list[Message], reply: str
) -> None:
    prompt = tiny_base.renderer.prompt_ids(conversation)
    ids, is_reply = tiny_base.renderer.example_ids(conversation, reply)
    assert ids[: len(prompt)] == prompt
    assert is_reply == [False] * len(prompt) + [True] * (len(ids) - len(prompt))


def test_an_example_equals_the_templates_own_rendering(tiny_base: BaseModel) -> None:
    renderer = tiny_base.renderer
    ids, _ = renderer.example_ids([Message("user", "hi")], "hello")
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    text = renderer.tokenizer.apply_chat_template(turns, tokenize=False)
    assert f"{renderer.tokenizer.decode(ids)}\n" == text


def test_an_example_ends_with_the_end_of_turn_token(tiny_base: BaseModel) -> None:
    ids, _ = tiny_base.renderer.example_ids([Message("user", "hi")], "hello")
    assert ids[-1] in tiny_base.renderer.eos_token_ids


def test_more_turns_take_as_many_tokens_as_they_are_counted_for(tiny_base: BaseModel) -> None:
    renderer = tiny_base.renderer
    question = Message("user", "hi")
    shorter = renderer.prompt_ids([question])
    longer = renderer.prompt_ids([Message("user", "one"), Message("assistant", "two"), question])
    counted = renderer.turn_tokens("one") + renderer.turn_tokens("two")
    assert counted - 1 <= len(longer) - len(shorter) <= counted


def test_a_prompt_beyond_the_context_is_rendered_without_a_warning(
    tiny_base: BaseModel, caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer = copy.deepcopy(tiny_base.renderer.tokenizer)
    tokenizer.model_max_length = 8
    renderer = Renderer(tokenizer, tiny_base.renderer.eos_token_ids)
    logger = logging.getLogger("transformers")
    logger.addHandler(caplog.handler)
    try:
        assert len(renderer.prompt_ids([Message("user", "hello " * 20)])) > 8
    finally:
        logger.removeHandler(caplog.handler)
    assert caplog.messages == []


def test_a_role_that_the_template_refuses_is_a_prompt_error(tiny_base: BaseModel) -> None:
    with pytest.raises(PromptError, match="unknown role"):
        tiny_base.renderer.prompt_ids([Message("wizard", "hi")])


def test_the_outline_without_weights_is_that_of_the_loaded_model(
    tiny_base: BaseModel, tiny_model_folder: Path
) -> None:
    outline = outline_base_model(tiny_model_folder, name="tiny", revision="r0", targets=())
    loaded = tiny_base.model
    assert outline.shapes == linear_shapes(loaded, ())
    assert outline.vocabulary_size == loaded.config.vocab_size
    assert outline.context_length == tiny_base.context_length
    assert outline.renderer.eos_token_ids == tiny_base.renderer.eos_token_ids
    assert outline.generation_config == loaded.generation_config.to_dict()


def test_a_named_device_and_precision_are_taken_as_they_are() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_dtype("float32", torch.device("cpu")) is torch.float32
    assert choose_dtype("bfloat16", torch.device("cpu")) is torch.bfloat16
