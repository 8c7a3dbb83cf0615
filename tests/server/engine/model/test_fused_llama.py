"""The fused forward pass against transformers' own modules, with and without adapters."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool, linear_shapes
from adapters_store.records import LoraConfig
from server.engine.model.fused_llama import PROJECTIONS, FusedLlama, is_fusible
from server.engine.model.gpu.decode_graphs import DecodeGraphs
from server.engine.model.kernels import LowRank
from server.engine.model.kv_rows import BLOCK as KV_BLOCK
from server.engine.model.runner import Chunk
from server.engine.model.token_tiles import TokenTiles
from server.engine.model.torch_kernels import TorchKernels
from tests.adapters import random_adapter
from tests.conftest import load_tiny

ROWS = 4
PROMPTS = [list(range(5, 20)), list(range(30, 61)), list(range(7, 16))]
LORAS = [
    LoraConfig(rank=4, alpha=8.0),
    LoraConfig(rank=2, alpha=2.0, targets=("q_proj", "v_proj")),
    LoraConfig(rank=3, alpha=6.0, targets=("down_proj", "up_proj")),
]


UPPER = ROWS + 1
"""The slot of the adapter of the upper half of the layers."""


def upper_half(adapter: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The adapter as it would be if only the second of two layers had been trained."""
    return {
        name: torch.zeros_like(tensor) if "layers.0." in name and "lora_B" in name else tensor
        for name, tensor in adapter.items()
    }


class Both:
    """The same random adapters on the fused pass and on the modules with the adapter pool."""

    def __init__(self, model: Path, lora: LoraConfig) -> None:
        self.reference = load_tiny(model)
        fused = load_tiny(model)
        shapes = linear_shapes(fused.model, lora.targets)
        self.pool = AdapterPool(self.reference.model, lora, num_slots=ROWS + 2)
        self.runner = FusedLlama(fused.model, lora, ROWS, fused.context_length)
        self.adapters = [random_adapter(shapes, seed, rank=lora.rank) for seed in range(ROWS)]
        self.adapters.append(upper_half(self.adapters[0]))
        self.packed = [self.runner.pack(adapter) for adapter in self.adapters]
        for slot, adapter in enumerate(self.adapters, start=1):
            self.pool.load(slot, adapter)

    def bind(self, slots: Sequence[int]) -> None:
        for row, slot in enumerate(slots):
            self.runner.bind(row, self.packed[slot - 1] if slot else None)

    @torch.no_grad()
    def expected(self, ids: list[int], slot: int) -> Tensor:
        with self.pool.use(slot):
            logits: Tensor = self.reference.model(torch.tensor([ids])).logits[0, -1]
        return logits


@pytest.fixture(params=LORAS, ids=["all", "attention", "mlp"])
def both(tiny_model_folder: Path, request: pytest.FixtureRequest) -> Both:
    return Both(tiny_model_folder, request.param)


@pytest.mark.parametrize(
    "slots", [(0, 0, 0), (1, 0, 2), (2, 2, 1), (UPPER, 0, 2), (0, UPPER, UPPER)]
)
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


class CountingKernels(TorchKernels):
    """Counts the low-rank products."""

    def __init__(self) -> None:
        self.products = 0

    def shrink(self, x: Tensor, tiles: TokenTiles, weights: LowRank) -> Tensor:
        self.products += 1
        return super().shrink(x, tiles, weights)


@pytest.mark.parametrize(("slots", "layers"), [((0, 0), 0), ((0, UPPER), 1), ((1, UPPER), 2)])
def test_layers_below_the_first_that_an_adapter_changes_cost_nothing(
    tiny_model_folder: Path, slots: tuple[int, ...], layers: int
) -> None:
    both = Both(tiny_model_folder, LORAS[0])
    kernels = CountingKernels()
    fused = load_tiny(tiny_model_folder)
    both.runner = FusedLlama(fused.model, LORAS[0], ROWS, fused.context_length, kernels)
    both.bind(slots)
    kernels.products = 0
    both.runner.run([9, 8], [0, 0], [])
    assert kernels.products == layers * len(PROJECTIONS)


def traced(work: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """A CUDA graph's likeness on a CPU: what Python decided is fixed, and so are all addresses."""
    graph = make_fx(lambda: work())()
    return lambda: graph()


@pytest.fixture
def graphed(tiny_model_folder: Path) -> Both:
    """The fused pass with decode steps that are traced once and replayed."""
    both = Both(tiny_model_folder, LORAS[0])
    runner: Any = both.runner
    device = runner._cache.buffer.device
    runner._graphs = DecodeGraphs(runner.decode, ROWS, device, lambda: traced)
    return both


def begin(both: Both, slots: Sequence[int]) -> None:
    """Bind adapters and read the first prompts with them."""
    both.bind(slots)
    prompts = enumerate(PROMPTS[: len(slots)])
    both.runner.run([], [], [Chunk(row, 0, ids, is_last=True) for row, ids in prompts])


def expect_one_step(both: Both, slots: Sequence[int]) -> None:
    """Extend every prompt by a token, and compare with the reference."""
    rows = list(zip(PROMPTS, slots, strict=False))
    tokens = list(range(9, 9 + len(rows)))
    logits = both.runner.run(tokens, [len(ids) for ids, _ in rows], [])
    for (ids, slot), token, found in zip(rows, tokens, logits, strict=True):
        torch.testing.assert_close(found, both.expected([*ids, token], slot), atol=1e-4, rtol=1e-4)


def test_steps_padded_for_graphs_give_the_reference_logits(graphed: Both) -> None:
    begin(graphed, (1, 0, 2))
    expect_one_step(graphed, (1, 0, 2))


def test_a_graph_captured_with_one_adapter_serves_as_many_as_there_are_rows(graphed: Both) -> None:
    for slots in ((1, 1, 1), (1, 2, 3), (4, 3, 2), (0, 4, 0)):
        begin(graphed, slots)
        expect_one_step(graphed, slots)


def test_graphs_serve_adapters_and_the_base_in_turn(graphed: Both) -> None:
    for slots in ((0, 0), (UPPER, 0), (1, 2), (0, 0), (2, 0), (UPPER, 1), (0, UPPER)):
        begin(graphed, slots)
        expect_one_step(graphed, slots)


def test_padding_does_not_touch_an_unfinished_prompt(graphed: Both) -> None:
    graphed.bind((1, 2, 0, 1))
    first, second, third = PROMPTS
    begun = [
        Chunk(row, 0, ids, is_last=row < 3)
        for row, ids in enumerate((first, second, third, second[:8]))
    ]
    graphed.runner.run([], [], begun)
    # Three rows are padded to four, and the fourth is half prefilled.
    graphed.runner.run([9, 9, 9], [len(first), len(second), len(third)], [])
    logits = graphed.runner.run([], [], [Chunk(3, 8, second[8:], is_last=True)])
    torch.testing.assert_close(logits[0], graphed.expected(second, 1), atol=1e-4, rtol=1e-4)


def test_graphs_follow_the_cache_when_it_moves(graphed: Both) -> None:
    begin(graphed, (1, 0, 2))
    expect_one_step(graphed, (1, 0, 2))
    long = [5 + place % 40 for place in range(KV_BLOCK)]
    graphed.bind((1, 0, 2, 3))
    graphed.runner.run([], [], [Chunk(3, 0, long, is_last=True)])
    begin(graphed, (2, 1, 0))
    expect_one_step(graphed, (2, 1, 0))
