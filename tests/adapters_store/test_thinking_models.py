"""The renderer of base models that think before they reply."""

from pathlib import Path

import pytest

from adapters_store.base_model import BaseModel
from adapters_store.reasoning import TemplateOption
from feedback.records import Message
from tests.conftest import load_tiny
from tests.tiny_model import (
    CHAT_TEMPLATE,
    OPENED_TEMPLATE,
    THINKING_TEMPLATE,
    build_thinking_model,
)

QUESTION = Message("user", "hi")
CONVERSATIONS = [
    [QUESTION],
    [Message("system", "Be brief."), QUESTION, Message("assistant", "Yes?"), QUESTION],
]
each_conversation = pytest.mark.parametrize("conversation", CONVERSATIONS, ids=["one", "more"])


@pytest.fixture(scope="module", params=[False, True], ids=["plain tags", "special tags"])
def switchable(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> BaseModel:
    """A model that thinks unless it is told not to."""
    folder = tmp_path_factory.mktemp("switchable")
    return load_tiny(build_thinking_model(folder, are_tags_special=request.param))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    """A model whose prompts end inside the reasoning, always."""
    folder = tmp_path_factory.mktemp("opened")
    return load_tiny(build_thinking_model(folder, chat_template=OPENED_TEMPLATE))


def text_of(base: BaseModel, ids: list[int]) -> str:
    return str(base.renderer.tokenizer.decode(ids))


def test_a_model_thinks_if_its_tokenizer_or_its_template_knows_the_tag(
    tiny_base: BaseModel, switchable: BaseModel, tmp_path: Path
) -> None:
    by_tokenizer = load_tiny(build_thinking_model(tmp_path, chat_template=CHAT_TEMPLATE))
    by_template = tiny_base.renderer.tokenizer
    by_template.chat_template = THINKING_TEMPLATE
    renderer = type(tiny_base.renderer)(by_template, tiny_base.renderer.eos_token_ids)
    assert switchable.renderer.thinks and by_tokenizer.renderer.thinks and renderer.thinks
    assert not tiny_base.renderer.thinks


@each_conversation
def test_an_example_begins_with_the_prompt_without_thinking(
    switchable: BaseModel, opened: BaseModel, conversation: list[Message]
) -> None:
    for base in (switchable, opened):
        prompt = base.renderer.prompt_ids(conversation)
        ids, is_reply = base.renderer.example_ids(conversation, "Ok.")
        assert ids[: len(prompt)] == prompt
        assert text_of(base, ids[len(prompt) :]) == "Ok.<|im_end|>"
        assert is_reply.count(True) == len(ids) - len(prompt)


@each_conversation
def test_an_example_is_what_the_template_makes_of_a_reply_without_reasoning(
    switchable: BaseModel, conversation: list[Message]
) -> None:
    ids, _ = switchable.renderer.example_ids(conversation, "Ok.")
    turns = [{"role": each.role, "content": each.content} for each in conversation]
    turns.append({"role": "assistant", "content": "Ok."})
    text = switchable.renderer.tokenizer.apply_chat_template(turns, tokenize=False)
    assert f"{text_of(switchable, ids)}\n" == text


def test_with_thinking_the_prompt_is_what_the_template_makes_of_it(switchable: BaseModel) -> None:
    prompt = switchable.renderer.prompt_ids([QUESTION], options={})
    assert text_of(switchable, prompt).endswith("<|im_start|>assistant\n")
    assert not switchable.renderer.begins_in_reasoning(prompt)


def test_reasoning_that_a_template_always_opens_is_closed_without_thinking(
    opened: BaseModel,
) -> None:
    renderer = opened.renderer
    thinking, silent = renderer.prompt_ids([QUESTION], options={}), renderer.prompt_ids([QUESTION])
    assert renderer.begins_in_reasoning(thinking)
    assert not renderer.begins_in_reasoning(silent)
    assert silent[: len(thinking)] == thinking
    assert text_of(opened, silent).endswith("assistant<think>\n\n</think>\n\n")


def test_a_user_who_writes_the_tag_opens_no_reasoning(switchable: BaseModel) -> None:
    prompt = switchable.renderer.prompt_ids([Message("user", "What is <think>")], options={})
    assert not switchable.renderer.begins_in_reasoning(prompt)


def test_options_do_not_replace_what_is_rendered(tiny_base: BaseModel) -> None:
    expected = tiny_base.renderer.prompt_ids([QUESTION])
    replaced: dict[str, TemplateOption] = {
        "messages": "x",
        "tools": "x",
        "add_generation_prompt": False,
        "tokenize": True,
        "chat_template": "x",
        "eos_token": "x",
        "unknown": 1,
    }
    assert tiny_base.renderer.prompt_ids([QUESTION], options=replaced) == expected


def test_a_generated_reply_is_read_without_its_reasoning(switchable: BaseModel) -> None:
    tokenizer = switchable.renderer.tokenizer
    ids = tokenizer.encode("<think>\nWhy?\n</think>\n\nOk.<|im_end|>", add_special_tokens=False)
    assert switchable.renderer.reply_text(ids) == "Ok."
    assert switchable.renderer.reply_text(ids[:5]) == ""


def test_tags_mean_nothing_to_a_model_that_does_not_think(tiny_base: BaseModel) -> None:
    text = "<think>Why?</think>Ok."
    ids = tiny_base.renderer.text_ids(text)
    assert tiny_base.renderer.reply_text(ids) == text
