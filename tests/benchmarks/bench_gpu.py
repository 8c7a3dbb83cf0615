"""Decode steps and prompts on a GPU: Llamas of random weights, with and without adapters.

    python -m tests.benchmarks.bench_gpu [--no-write]

Needs a CUDA device; the larger model takes 30 GB. The steps are the engine's: bfloat16, decode
steps replayed as CUDA graphs. Speed does not depend on the values of the weights, so nothing is
downloaded.
"""

import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from adapters_store.lora import linear_shapes
from adapters_store.records import LoraConfig
from server.engine.model.fused_llama import FusedLlama
from server.engine.model.runner import Chunk, PackedAdapter
from tests.adapters import random_adapter
from tests.benchmarks.report import machine, markdown_table, show_section

ROWS = (1, 16, 64)
PROMPT_TOKENS = 128
CHUNK_TOKENS = 512
STEPS = 64
LORA = LoraConfig(rank=16, alpha=32.0)
SHAPES = {
    "1B": LlamaConfig(
        vocab_size=128_256,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    ),
    "8B": LlamaConfig(
        vocab_size=128_256,
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=8192,
        tie_word_embeddings=False,
    ),
}
Line = tuple[str, ...]


def main() -> None:
    """Measure, print and write the tables."""
    if not torch.cuda.is_available():
        print("Not measured: this machine has no CUDA device.")
        return
    decoding: list[Line] = []
    prompts: list[Line] = []
    for name, config in SHAPES.items():
        measure(name, config, decoding, prompts)
        torch.cuda.empty_cache()
    tokens = "tokens/s without", "tokens/s with", "with ÷ without"
    text = "\n\n".join(
        (
            f"Measured on {machine()}.",
            markdown_table(("shape", "rows", "adapters", *tokens), decoding),
            f"Prompts of {CHUNK_TOKENS} tokens in one chunk:",
            markdown_table(("shape", "adapter", *tokens), prompts),
        )
    )
    show_section("gpu", text, is_written="--no-write" not in sys.argv)


def measure(name: str, config: LlamaConfig, decoding: list[Line], prompts: list[Line]) -> None:
    """Add one shape's lines to the tables."""
    model = random_llama(config)
    runner = FusedLlama(model, LORA, max(ROWS), 2048)
    whole = random_adapter(linear_shapes(model, LORA.targets), 0, 0.02, LORA.rank)
    below = [f"layers.{layer}." for layer in range(config.num_hidden_layers // 2)]
    upper = {
        path: torch.zeros_like(tensor) if any(part in path for part in below) else tensor
        for path, tensor in whole.items()
    }
    # Adapters in all layers come last: the slots' lower half has no memory before.
    kinds = {"the upper half": runner.pack(upper), "all layers": runner.pack(whole)}
    base = {rows: tokens_per_second(runner, [None] * rows) for rows in ROWS}
    base_prompt = prompt_tokens_per_second(runner, None)
    for kind, packed in kinds.items():
        copies = [tuple(part.clone() for part in packed) for _ in range(max(ROWS))]
        for rows in ROWS:
            mixed = tokens_per_second(runner, copies[:rows])
            decoding.append((name, f"{rows}", f"{rows} in {kind}", *ratio(base[rows], mixed)))
        shared = tokens_per_second(runner, [packed] * max(ROWS))
        decoding.append((name, f"{max(ROWS)}", f"1 in {kind}", *ratio(base[max(ROWS)], shared)))
        prompts.append((name, kind, *ratio(base_prompt, prompt_tokens_per_second(runner, packed))))


def ratio(without: float, with_adapters: float) -> Line:
    """Two speeds and their ratio, as cells of a table."""
    return f"{without:.0f}", f"{with_adapters:.0f}", f"{with_adapters / without:.2f}"


def random_llama(config: LlamaConfig) -> LlamaForCausalLM:
    """A model with random weights, in bfloat16 on the GPU."""
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("cuda"):
            return LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(previous)


def tokens_per_second(runner: FusedLlama, adapters: Sequence[PackedAdapter | None]) -> float:
    """Decode speed of all rows together, each with its adapter, after `PROMPT_TOKENS` of prompt."""
    count = len(adapters)
    prompt = tuple(range(10, 10 + PROMPT_TOKENS))
    for row, adapter in enumerate(adapters):
        runner.bind(row, adapter)
    for row in range(count):
        runner.run([], [], [Chunk(row, 0, prompt, is_last=True)])
    lengths = iter(range(PROMPT_TOKENS, PROMPT_TOKENS + STEPS))
    return count / median_seconds(lambda: runner.run([5] * count, [next(lengths)] * count, []))


def prompt_tokens_per_second(runner: FusedLlama, adapter: PackedAdapter | None) -> float:
    """How fast one row's prompt of `CHUNK_TOKENS` is read."""
    runner.bind(0, adapter)
    chunk = Chunk(0, 0, tuple(range(10, 10 + CHUNK_TOKENS)), is_last=True)
    return CHUNK_TOKENS / median_seconds(lambda: runner.run([], [], [chunk]))


def median_seconds(step: Callable[[], Tensor]) -> float:
    """The median time of `STEPS` steps; the first ones capture and compile."""
    seconds = []
    for _ in range(STEPS):
        began = time.perf_counter()
        step().argmax(dim=-1).tolist()  # waits for the device
        seconds.append(time.perf_counter() - began)
    return median(seconds)


if __name__ == "__main__":
    main()
