"""Every family of models through the runners that can serve it, against transformers and PEFT."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, Qwen3NextConfig

from adapters_store.base_model import BaseModel
from adapters_store.lora import linear_shapes
from server.engine.model.family import family_of
from server.engine.model.layer_masks import LayerMasks
from server.engine.model.runner import Chunk, Runner
from tests.adapters import random_adapter
from tests.server.engine.model.families import (
    CONTEXT,
    FAMILIES,
    LORA,
    RUNNERS,
    WINDOW,
    load_family,
    runners_of,
    tiny_model,
)

PAIRS = [(family, runner) for family in FAMILIES for runner in runners_of(family)]
# Longer than the window, so that what lies before it must not be seen.
IDS = [int(i) for i in torch.randint(3, 260, (48,), generator=torch.Generator().manual_seed(3))]
PROMPT = 40


@pytest.fixture(params=PAIRS, ids="-".join)
def family_and_runner(request: pytest.FixtureRequest) -> tuple[str, str]:
    pair: tuple[str, str] = request.param
    return pair


@pytest.fixture
def family(family_and_runner: tuple[str, str]) -> str:
    return family_and_runner[0]


@pytest.fixture
def runner(family_and_runner: tuple[str, str], tiny_base: BaseModel, tmp_path: Path) -> Runner:
    family, name = family_and_runner
    kind = RUNNERS[name]
    tokenizer = tiny_base.renderer.tokenizer
    return kind.make(load_family(family, tmp_path, tokenizer, is_packed=kind.is_packed))


@torch.no_grad()
def logits_of(model: Any, ids: Sequence[int]) -> Tensor:
    """The logits after every token, [tokens, vocabulary], from transformers."""
    logits: Tensor = model(torch.tensor([list(ids)])).logits[0]
    return logits


def assert_close(logits: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(logits, expected, atol=2e-4, rtol=2e-4)


def read(runner: Runner, row: int, ids: Sequence[int], *, start: int = 0, chunk: int = 9) -> Tensor:
    """Read a prompt in chunks; the logits after it, [1, vocabulary]."""
    logits = torch.empty(0)
    for first in range(start, len(ids), chunk):
        last = min(first + chunk, len(ids))
        part = Chunk(row, first, ids[first:last], is_last=last == len(ids))
        logits = runner.run([], [], [part])
    return logits


def test_a_prompt_and_its_continuation_give_the_logits_of_transformers(
    family: str, runner: Runner
) -> None:
    expected = logits_of(tiny_model(family), IDS)
    logits = [read(runner, 0, IDS[:PROMPT])]
    logits += [runner.run([IDS[i]], [i], []) for i in range(PROMPT, len(IDS))]
    assert_close(torch.cat(logits), expected[PROMPT - 1 :])


def test_rows_of_a_batch_get_what_each_would_get_alone(family: str, runner: Runner) -> None:
    model = tiny_model(family)
    prompts = [IDS[:PROMPT], IDS[5:17], IDS[9:39]]
    for row, ids in enumerate(prompts[:2]):
        read(runner, row, ids)
    # Two rows decode while the third reads its prompt; then all three decode.
    lengths = [len(ids) for ids in prompts]
    together = runner.run([7, 8], lengths[:2], [Chunk(2, 0, prompts[2], is_last=True)])
    then = runner.run([9, 10, 11], [lengths[0] + 1, lengths[1] + 1, lengths[2]], [])
    continued = [[*prompts[0], 7, 9], [*prompts[1], 8, 10], [*prompts[2], 11]]
    for row, ids in enumerate(continued):
        alone = logits_of(model, ids)
        assert_close(together[row], alone[-2])
        assert_close(then[row], alone[-1])


def test_adapters_give_the_logits_of_peft(family: str, runner: Runner) -> None:
    model = tiny_model(family)
    adapters = [random_adapter(linear_shapes(model, ()), seed, scale=0.1) for seed in range(2)]
    config = peft.LoraConfig(r=LORA.rank, lora_alpha=int(LORA.alpha), target_modules="all-linear")
    expected = [logits_of(model, IDS)]
    wrapped: Any = peft.get_peft_model(model, config)
    for tensors in adapters:
        peft.set_peft_model_state_dict(wrapped, tensors)
        expected.append(logits_of(wrapped, IDS))
    for row, adapter in ((0, adapters[0]), (2, adapters[1])):
        runner.bind(row, runner.pack(adapter))
    prompts = [Chunk(row, 0, IDS[:PROMPT], is_last=True) for row in range(3)]
    logits = runner.run([], [], prompts)
    then = runner.run([IDS[PROMPT]] * 3, [PROMPT] * 3, [])
    for row, which in enumerate((1, 0, 2)):
        assert_close(logits[row], expected[which][PROMPT - 1])
        assert_close(then[row], expected[which][PROMPT])
    assert (expected[1] - expected[0]).abs().max() > 0.1


def test_a_saved_prefix_gives_the_same_bits_as_reading_it_again(runner: Runner) -> None:
    prefix, other = 27, IDS[::-1]
    logits = read(runner, 0, IDS[:PROMPT]), runner.run([IDS[PROMPT]], [PROMPT], [])
    saved = runner.save(0, PROMPT)
    read(runner, 0, other)
    runner.restore(0, saved, prefix)
    again = read(runner, 0, IDS[:PROMPT], start=prefix), runner.run([IDS[PROMPT]], [PROMPT], [])
    assert torch.equal(logits[0], again[0])
    assert torch.equal(logits[1], again[1])


def test_families_run_fused_where_they_are_like_llama() -> None:
    fused = {family for family, runner in PAIRS if runner == "fused"}
    assert fused == {"llama", "mistral", "qwen2", "qwen3", "smollm3", "granite"}


def test_a_window_as_long_as_the_context_is_no_window() -> None:
    config = FAMILIES["mistral_window"]()
    config.sliding_window = CONTEXT
    assert family_of(config) is not None


def test_angles_that_depend_on_the_length_are_not_fused() -> None:
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}
    assert family_of(LlamaConfig(rope_parameters=rope)) is None


def test_layers_that_remember_otherwise_are_refused() -> None:
    with pytest.raises(ValueError, match="'linear_attention'.*choose another model"):
        LayerMasks(Qwen3NextConfig(num_hidden_layers=4))


@pytest.mark.parametrize(
    ("family", "length"), [("gemma3", CONTEXT), ("mistral_window", CONTEXT), ("phi4", CONTEXT // 2)]
)
def test_only_longrope_shortens_the_context(
    family: str, length: int, tiny_base: BaseModel, tmp_path: Path
) -> None:
    assert length > WINDOW
    base = load_family(family, tmp_path, tiny_base.renderer.tokenizer, is_packed=False)
    assert base.context_length == length
