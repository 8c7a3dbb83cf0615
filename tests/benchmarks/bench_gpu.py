"""Decode steps on a GPU: a 1B-class Llama of random weights, 1 to 64 rows, 1 to 64 adapters.

    python -m tests.benchmarks.bench_gpu [--no-write]

Needs a CUDA device. The steps are the engine's: bfloat16, replayed as CUDA graphs. Speed does not
depend on the values of the weights, so nothing is downloaded.
"""

import sys
import time
from collections.abc import Sequence
from statistics import median

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from adapters_store.lora import linear_shapes
from adapters_store.records import LoraConfig
from server.engine.model.fused_llama import FusedLlama
from server.engine.model.runner import Chunk, PackedAdapter
from tests.adapters import random_adapter
from tests.benchmarks.report import machine, markdown_table, show_section

ROWS = (1, 4, 16, 64)
PROMPT_TOKENS = 128
STEPS = 64
LORA = LoraConfig(rank=16, alpha=32.0)


def main() -> None:
    """Measure, print and write the table."""
    if not torch.cuda.is_available():
        print("Not measured: this machine has no CUDA device.")
        return
    device = torch.device("cuda")
    model = llama_of_1b(device)
    runner = FusedLlama(model, LORA, max(ROWS), 2048)
    shapes = linear_shapes(model, LORA.targets)
    packed = [
        runner.pack(random_adapter(shapes, seed, 0.02, LORA.rank)) for seed in range(max(ROWS))
    ]
    lines = []
    for rows in ROWS:
        base = tokens_per_second(runner, [None] * rows)
        for adapters in (count for count in ROWS if count <= rows):
            mixed = tokens_per_second(runner, [packed[row % adapters] for row in range(rows)])
            lines.append(
                (f"{rows}", f"{adapters}", f"{base:.0f}", f"{mixed:.0f}", f"{mixed / base:.2f}")
            )
    head = ("rows", "adapters", "tokens/s without", "tokens/s with", "with ÷ without")
    text = f"Measured on {machine()}.\n\n" + markdown_table(head, lines)
    show_section("gpu", text, is_written="--no-write" not in sys.argv)


def llama_of_1b(device: torch.device) -> LlamaForCausalLM:
    """A model of the shape of Llama 3.2 1B, in bfloat16, with random weights."""
    config = LlamaConfig(
        vocab_size=128_256,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    )
    with device:
        model = LlamaForCausalLM(config)
    model.bfloat16()
    return model


def tokens_per_second(runner: FusedLlama, adapters: Sequence[PackedAdapter | None]) -> float:
    """Decode speed of all rows together, each with its adapter, after `PROMPT_TOKENS` of prompt."""
    rows = range(len(adapters))
    for row in rows:
        runner.bind(row, adapters[row])
    prompt = tuple(range(10, 10 + PROMPT_TOKENS))
    for row in rows:
        runner.run([], [], [Chunk(row, 0, prompt, is_last=True)])
    tokens = [5] * len(adapters)
    seconds = []
    for step in range(STEPS):
        began = time.perf_counter()
        logits = runner.run(tokens, [PROMPT_TOKENS + step] * len(adapters), [])
        tokens = logits.argmax(dim=-1).tolist()  # waits for the device
        seconds.append(time.perf_counter() - began)
    return len(adapters) / median(seconds)


if __name__ == "__main__":
    main()
