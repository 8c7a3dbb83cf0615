"""The fused forward pass against transformers' own modules, with and without adapters."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool, linear_shapes
from adapters_store.records import LoraConfig
from server.engine.model.decode_graphs import DecodeGraphs
from server.engine.model.fused_llama import FusedLlama, is_fusible
from server.engine.model.kv_rows import BLOCK as KV_BLOCK
from server.engine.model.runner import Chunk
from tests.adapters import random_adapter
from tests.conftest import load_tiny

ROWS = 4
PROMPTS = [list(range(5, 20)), list(range(30, 61)), list(range(7, 16))]
LORAS = [
    LoraConfig(rank=4, alpha=8.0),
    LoraConfig(rank=2, alpha=2.0, targets=("q_proj", "v_proj")),
    LoraConfig(rank=3, alpha=9.0, targets=("down_proj", "up_proj")),
]


class Both:
    """The same random adapters on the fused pass and on the modules with the adapter pool."""

    def __init__(self, model: Path, lora: LoraConfig) -> None:
        self.reference = load_tiny(model)
        fused = load_tiny(model)
        shapes = linear_shapes(fused.model, lora.targets)
        self.pool = AdapterPool(self.reference.model, lora, num_slots=ROWS)
        self.runner = FusedLlama(fused.model, lora, ROWS, fused.context_length)
        self.adapters = [random_adapter(shapes, seed, rank=lora.rank) for seed in range(2)]
        for slot, adapter in enumerate(self.adapters, start=1):
            self.pool.load(slot, adapter)

    def bind(self, slots: Sequence[int]) -> None:
        for row, slot in enumerate(slots):
            self.runner.bind(row, self.runner.pack(self.adapters[slot - 1]) if slot else None)

    @torch.no_grad()
    def expected(self, ids: list[int], slot: int) -> Tensor:
        with self.pool.use(slot):
            logits: Tensor = self.reference.model(torch.tensor([ids])).logits[0, -1]
        return logits


@pytest.fixture(params=LORAS, ids=["all", "attention", "mlp"])
def both(tiny_model_folder: Path, request: pytest.FixtureRequest) -> Both:
    return Both(tiny_model_folder, request.param)


@pytest.mark.parametrize("slots", [(0, 0, 0), (1, 0, 2), (2, 2, 1)])
def test_prompts_in_chunks_and_decoding_rows_give_the_reference_logits(
    both: Both, slots: tuple[int, int, int]
) -> None:
    both.bind(slots)
    first = [Chunk(row, 0, ids[:8], is_last=False) for row, ids in enumerate(PROMPTS)]
    rest = [Chunk(row, 8, ids[8:], is_last=True) for row, ids in enumerate(PROMPTS)]
    both.runner.run([], [], first)
    logits = both.runner.run([], [], rest)
    for row, (ids, slot) in enumerate(zip(PROMPTS, slots, strict=True)):
        torch.testing.assert_close(logits[row], both.expected(ids, slot), atol=1e-4, rtol=1e-4)
    logits = both.runner.run([9, 8, 7], [len(ids) for ids in PROMPTS], [])
    for row, (ids, slot) in enumerate(zip(PROMPTS, slots, strict=True)):
        expected = both.expected([*ids, 9 - row], slot)
        torch.testing.assert_close(logits[row], expected, atol=1e-4, rtol=1e-4)


def test_a_row_decodes_while_another_prefills(both: Both) -> None:
    both.bind((1, 2))
    first, second = PROMPTS[:2]
    both.runner.run([], [], [Chunk(0, 0, first, is_last=True)])
    logits = both.runner.run([9], [len(first)], [Chunk(1, 0, second, is_last=True)])
    for row, (ids, slot) in enumerate((([*first, 9], 1), (second, 2))):
        torch.testing.assert_close(logits[row], both.expected(ids, slot), atol=1e-4, rtol=1e-4)


def test_a_row_continues_from_a_saved_prefix(both: Both) -> None:
    both.bind((1, 0, 1))
    ids = PROMPTS[1]
    both.runner.run([], [], [Chunk(0, 0, ids, is_last=True)])
    both.runner.restore(2, both.runner.save(0, 20), 12)
    logits = both.runner.run([], [], [Chunk(2, 12, ids[12:], is_last=True)])
    torch.testing.assert_close(logits[0], both.expected(ids, 1), atol=1e-4, rtol=1e-4)


def test_a_moved_row_goes_on_elsewhere(both: Both) -> None:
    both.bind((0, 0, 2))
    ids = PROMPTS[0]
    both.runner.run([], [], [Chunk(2, 0, ids, is_last=True)])
    both.runner.move_row(2, 0, len(ids))
    both.bind((2, 0, 0))
    logits = both.runner.run([9], [len(ids)], [])
    torch.testing.assert_close(logits[0], both.expected([*ids, 9], 2), atol=1e-4, rtol=1e-4)


def test_a_row_without_its_adapter_is_the_base_again(both: Both) -> None:
    both.bind((1,))
    both.runner.bind(0, None)
    logits = both.runner.run([], [], [Chunk(0, 0, PROMPTS[0], is_last=True)])
    torch.testing.assert_close(logits[0], both.expected(PROMPTS[0], 0), atol=1e-4, rtol=1e-4)


def test_a_missing_or_misshapen_tensor_is_refused(both: Both) -> None:
    name = next(iter(both.adapters[0]))
    whole = both.adapters[0]
    with pytest.raises(KeyError):
        both.runner.pack({k: v for k, v in whole.items() if k != name})
    with pytest.raises(ValueError, match="has shape"):
        both.runner.pack(whole | {name: torch.zeros(3, 3)})


def test_the_modules_still_work_after_fusing(tiny_base: BaseModel, tiny_model_folder: Path) -> None:
    fused = load_tiny(tiny_model_folder)
    FusedLlama(fused.model, LORAS[0], 1, fused.context_length)
    ids = torch.tensor([PROMPTS[0]])
    torch.testing.assert_close(fused.model(ids).logits, tiny_base.model(ids).logits)


def test_a_sliding_window_is_left_to_transformers(tiny_model_folder: Path) -> None:
    model = load_tiny(tiny_model_folder).model
    assert is_fusible(model)
    model.config.sliding_window = 64
    assert not is_fusible(model)


def with_graphs(both: Both) -> FusedLlama:
    """The fused pass with decode steps that are "captured" as what they are: calls."""
    model: Any = both.runner
    device = model._cache.buffer.device
    model._graphs = DecodeGraphs(model.decode, ROWS, device, lambda: lambda work: work)
    return both.runner


def test_steps_padded_for_graphs_give_the_reference_logits(both: Both) -> None:
    runner = with_graphs(both)
    both.bind((1, 0, 2))
    prompts = [Chunk(row, 0, ids, is_last=True) for row, ids in enumerate(PROMPTS)]
    runner.run([], [], prompts)
    lengths = [len(ids) for ids in PROMPTS]
    logits = runner.run([9, 8, 7], lengths, [])
    for row, (ids, slot) in enumerate(zip(PROMPTS, (1, 0, 2), strict=True)):
        torch.testing.assert_close(
            logits[row], both.expected([*ids, 9 - row], slot), atol=1e-4, rtol=1e-4
        )


def test_padding_does_not_touch_an_unfinished_prompt(both: Both) -> None:
    runner = with_graphs(both)
    both.bind((1, 2, 0, 1))
    first, second, third = PROMPTS
    begun = [
        Chunk(row, 0, ids, is_last=row < 3)
        for row, ids in enumerate((first, second, third, second[:8]))
    ]
    runner.run([], [], begun)
    # Three rows are padded to four, and the fourth is half prefilled.
    runner.run([9, 9, 9], [len(first), len(second), len(third)], [])
    logits = runner.run([], [], [Chunk(3, 8, second[8:], is_last=True)])
    torch.testing.assert_close(logits[0], both.expected(second, 1), atol=1e-4, rtol=1e-4)


def test_graphs_are_captured_once_for_each_size_and_again_after_the_cache_moved(both: Both) -> None:
    runner = with_graphs(both)
    model: Any = runner
    both.bind((0, 0, 0))
    runner.run([], [], [Chunk(row, 0, ids, is_last=True) for row, ids in enumerate(PROMPTS)])
    lengths = [len(ids) for ids in PROMPTS]
    for step in range(3):
        runner.run([9, 8, 7], [length + step for length in lengths], [])
    runner.run([9], [lengths[0] + 3], [])
    assert set(model._graphs._replays) == {(4, False), (1, False)}
    capture = model._graphs._capture
    runner.run([9], [KV_BLOCK], [])
    assert set(model._graphs._replays) == {(1, False)}
    assert model._graphs._capture is not capture  # its pool of memory ended with its graphs
