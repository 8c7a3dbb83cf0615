"""A token's logits do not depend on company, chunks or caches: the same bits, not just close."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from adapters_store.base_model import load_base_model
from adapters_store.lora import linear_shapes
from adapters_store.records import Precision
from server.engine.model.compiled_llama import CompiledLlama
from server.engine.model.family import family_of
from server.engine.model.runner import Chunk
from tests.adapters import LORA, random_adapter

ROWS = 8
PROMPT = list(range(3, 40))


@pytest.fixture(
    scope="module",
    params=[
        ("int8", torch.float32),
        ("float32", torch.float32),
        ("bfloat16", torch.bfloat16),
        ("int8", torch.bfloat16),
    ],
    ids=str,
)
def runner(request: pytest.FixtureRequest, tiny_model_folder: Path) -> CompiledLlama:
    precision: Precision
    precision, dtype = request.param
    base = load_base_model(
        tiny_model_folder,
        name="tiny",
        revision="r0",
        device=torch.device("cpu"),
        dtype=dtype,
        precision=precision,
    )
    family = family_of(base.model.config)
    assert family is not None
    runner = CompiledLlama(base.model, family, LORA, ROWS, base.context_length)
    shapes = linear_shapes(base.model, LORA.targets)
    for row in range(0, ROWS, 2):
        runner.bind(row, runner.pack(random_adapter(shapes, seed=row)))
    return runner


def read(runner: CompiledLlama, row: int, prompt: list[int], *ends: int) -> Tensor:
    """Read a prompt in chunks that end there; the logits after it."""
    start = 0
    for end in (*ends, len(prompt)):
        logits = runner.run([], [], [Chunk(row, start, prompt[start:end], end == len(prompt))])
        start = end
    return logits[0]


@pytest.mark.parametrize("row", [0, 1], ids=["with an adapter", "without"])
def test_the_cut_into_chunks_does_not_matter(runner: CompiledLlama, row: int) -> None:
    whole = read(runner, row, PROMPT)
    for ends in ((1,), (5, 6, 20), (16, 32)):
        assert torch.equal(read(runner, row, PROMPT, *ends), whole)


@pytest.mark.parametrize("row", [0, 1], ids=["with an adapter", "without"])
def test_a_cached_beginning_does_not_matter(runner: CompiledLlama, row: int) -> None:
    whole = read(runner, row, PROMPT)
    saved = runner.save(row, 17)
    runner.run([], [], [Chunk(row, 0, [9] * 30, True)])
    runner.restore(row, saved, 17)
    logits = runner.run([], [], [Chunk(row, 17, PROMPT[17:], True)])
    assert torch.equal(logits[0], whole)


def test_company_does_not_matter(runner: CompiledLlama) -> None:
    prompts = [PROMPT[: 4 + 4 * row] for row in range(ROWS)]
    for row, prompt in enumerate(prompts):
        read(runner, row, prompt)
    lengths = [len(prompt) for prompt in prompts]
    tokens = [50 + row for row in range(ROWS)]
    together = runner.run(tokens, lengths, [])
    for count in (1, 2, 3, 5):
        assert torch.equal(runner.run(tokens[:count], lengths[:count], []), together[:count])


def test_a_prompt_that_is_read_beside_decoding_rows_does_not_matter(runner: CompiledLlama) -> None:
    read(runner, 0, PROMPT)
    read(runner, 1, PROMPT[:9])
    alone = runner.run([60, 61], [len(PROMPT), 9], [])
    beside = runner.run([60, 61], [len(PROMPT), 9], [Chunk(2, 0, PROMPT, True)])
    assert torch.equal(beside[:2], alone)
    assert torch.equal(beside[2], read(runner, 2, PROMPT))


def test_decoding_a_token_equals_reading_it(runner: CompiledLlama) -> None:
    whole = read(runner, 0, PROMPT)
    read(runner, 0, PROMPT[:-1])
    assert torch.equal(runner.run([PROMPT[-1]], [len(PROMPT) - 1], [])[0], whole)
