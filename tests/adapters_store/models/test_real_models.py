"""The built-in models themselves: they answer, and their special tokens are whole."""

from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, GenerationConfig

from adapters_store.base_model import Renderer, load_base_model
from adapters_store.models.built_in import BUILT_IN, SMALLEST
from adapters_store.models.convert import is_complete
from adapters_store.models.resolve import resolve_model
from feedback.records import Message
from server.settings import default_model_cache

TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}


@pytest.mark.real_model
def test_the_smallest_model_answers_and_ends_its_reply() -> None:
    resolved = resolve_model(SMALLEST, default_model_cache(), lambda phase, done, total: None)
    base = load_base_model(
        resolved.path,
        name=resolved.name,
        revision=resolved.revision,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
    question = Message("user", "What is the capital of France?")
    prompt = torch.tensor([base.renderer.prompt_ids([question])])
    model: Any = base.model
    output = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=40, do_sample=False
    )
    reply = output[0, prompt.shape[1] :].tolist()
    assert "Paris" in base.renderer.tokenizer.decode(reply)
    assert reply[-1] in base.renderer.eos_token_ids


@pytest.mark.real_model
@pytest.mark.parametrize("name", [name for name in BUILT_IN if name.startswith("qwen2.5")])
def test_qwens_markers_are_single_tokens_and_its_template_shows_tools(name: str) -> None:
    folder = default_model_cache() / name
    if not is_complete(folder):
        pytest.skip(f"{name} is not in the model cache")
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    markers = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"]
    ids = [151643, 151644, 151645, 151657, 151658]
    assert [tokenizer.encode(marker) for marker in markers] == [[each] for each in ids]
    assert GenerationConfig.from_pretrained(folder).eos_token_id == [151645, 151643]
    renderer = Renderer(tokenizer, frozenset([151645, 151643]))
    assert renderer.reply_ids("")[-1] == 151645
    prompt = tokenizer.decode(renderer.prompt_ids([Message("user", "hi")], [TOOL]))
    assert '<tools>\n{"type": "function"' in prompt
