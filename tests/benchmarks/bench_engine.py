"""The engine on the real model: mixed adapters against none, and both against PEFT.

    python -m tests.benchmarks.bench_engine

Greedy, 16 requests at once, in process. The variants take turns in one run, and medians are
compared, because machines are noisy. Keep the machine quiet meanwhile.
"""

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch
from rich.console import Console

from adapters_store.base_model import BaseModel, choose_device, choose_dtype, load_base_model
from adapters_store.files import AdapterFiles
from adapters_store.lora import linear_shapes
from adapters_store.models.resolve import ResolvedModel, resolve_model
from adapters_store.records import AdapterVersion, LoraConfig
from adapters_store.weights.frozen import packed_weights
from adapters_store.weights.product import product
from server.base_model.choice import or_smallest
from server.cli.views import model_progress
from server.engine.engine import Engine, EngineConfig
from server.engine.records import SamplingParams
from server.runtime import load_base_of
from server.settings import Settings
from tests.adapters import publish_random_adapter
from tests.benchmarks.peft_mixed import peft_tokens_per_second
from tests.benchmarks.report import machine, markdown_table, show_section

REQUESTS = 16
NEW_TOKENS = 64
ROUNDS = 3
LOADS = 50
HISTORY_TOKENS = 2000
QUESTION = "Tell me about the sea, its colours and the people who live by it."


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    measured: str
    wanted: str = ""


def main() -> None:
    """Measure, print and write the table."""
    settings = Settings()
    with model_progress(Console()) as show:
        model = resolve_model(or_smallest(settings.model), settings.model_cache, show)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(model, settings.lora, Path(folder))
    rows = [(figure.name, figure.measured, figure.wanted) for figure in figures]
    text = f"Measured on {machine()}.\n\n" + markdown_table(("figure", "measured", "wanted"), rows)
    show_section("engine", text, is_written="--no-write" not in sys.argv)


def measure(model: ResolvedModel, lora: LoraConfig, folder: Path) -> list[Figure]:
    """Every figure, one after the other."""
    files = AdapterFiles(folder)
    base = load_base_of(Settings(), model)
    dtype = str(base.dtype).removeprefix("torch.")
    shapes = linear_shapes(base.model, lora.targets)
    adapters = [publish(files, shapes, lora, seed) for seed in range(LOADS)]
    paths = [folder / version.folder for version in adapters[:REQUESTS]]
    engine = Engine(base, lora, files, EngineConfig(max_batch_size=REQUESTS))
    engine.start()
    gc.collect()
    gc.freeze()  # as the server does
    try:
        figures = [
            *measure_throughput(engine, adapters),
            *measure_step(engine),
            *measure_prefix_reuse(engine),
            *measure_loading(engine, adapters),
        ]
        ours = tokens_per_second(engine, adapters[:REQUESTS])
        bare = tokens_per_second(engine, [None] * REQUESTS)
    finally:
        engine.stop()
    peft = peft_tokens_per_second(load(model), lora, paths, QUESTION, NEW_TOKENS)
    return [
        Figure("the base's weights and activations", f"{base.precision or dtype}, {dtype}"),
        *figures,
        Figure("tokens/s of PEFT's mixed batch (`adapter_names`), 16 adapters", f"{peft:.0f}"),
        Figure("ours ÷ PEFT's, 16 adapters", f"{ours / peft:.1f}", "at least 5"),
        *compare_with_vllm(model, lora, dtype, paths, bare, ours),
    ]


def compare_with_vllm(
    model: ResolvedModel,
    lora: LoraConfig,
    dtype: str,
    adapters: Sequence[Path],
    bare: float,
    ours: float,
) -> list[Figure]:
    """Compare both engines with and without adapters. vLLM runs in an environment of its own."""
    python = os.environ.get("VLLM_PYTHON")
    if not python:
        return [Figure("ours ÷ vLLM's", "not measured: VLLM_PYTHON is not set", "at least 2.0")]
    job = {
        "model": str(model.path),
        "adapters": [str(path) for path in adapters],
        "rank": lora.rank,
        "dtype": dtype,
        "new_tokens": NEW_TOKENS,
        "question": QUESTION,
    }
    script = Path(__file__).with_name("vllm_mixed.py")
    command = [python, str(script), json.dumps(job)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return [Figure("ours ÷ vLLM's", "not measured: vLLM failed", "at least 2.0")]
    # vLLM writes its log to the same stream.
    theirs = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    return [
        Figure(
            "tokens/s of vLLM without and with adapters", "{base:.0f}, {mixed:.0f}".format(**theirs)
        ),
        Figure("ours ÷ vLLM's, 16 adapters", f"{ours / theirs['mixed']:.1f}", "at least 2.0"),
        Figure("ours ÷ vLLM's, none", f"{bare / theirs['base']:.1f}", "at least 1.0"),
    ]


def load(model: ResolvedModel) -> BaseModel:
    """The base model as the server loads it."""
    device = choose_device("auto")
    return load_base_model(
        model.path,
        name=model.name,
        revision=model.revision,
        device=device,
        dtype=choose_dtype("auto", device),
    )


def publish(
    files: AdapterFiles, shapes: dict[str, tuple[int, int]], lora: LoraConfig, seed: int
) -> AdapterVersion:
    """A random adapter of this deployment's shape."""
    return publish_random_adapter(files, shapes, seed, lora=lora, scale=0.02, dtype=torch.bfloat16)


def measure_throughput(engine: Engine, adapters: Sequence[AdapterVersion]) -> list[Figure]:
    """Tokens per second with and without adapters, and the two prefills."""
    bare: list[None] = [None] * REQUESTS
    mixed = list(adapters[:REQUESTS])
    rates: dict[str, list[float]] = {"bare": [], "mixed": []}
    prefills: dict[str, list[float]] = {"bare": [], "mixed": []}
    for versions in (bare, mixed):
        tokens_per_second(engine, versions)  # warm
    for _ in range(ROUNDS):
        for name, versions in (("bare", bare), ("mixed", mixed)):
            rates[name].append(tokens_per_second(engine, versions))
            prefills[name].append(prefill_seconds(engine, versions))
    base, ours = median(rates["bare"]), median(rates["mixed"])
    slower = median(prefills["mixed"]) / median(prefills["bare"])
    return [
        Figure(f"tokens/s, {REQUESTS} requests without adapters", f"{base:.0f}"),
        Figure(f"tokens/s, {REQUESTS} requests with {REQUESTS} adapters", f"{ours:.0f}"),
        Figure("the second ÷ the first", f"{ours / base:.2f}", "at least 0.90"),
        Figure("prefill with adapters ÷ without, time", f"{slower:.2f}", "at most 1.15"),
    ]


def measure_step(engine: Engine) -> list[Figure]:
    """A decode step without adapters against the products of weights in it, in turns."""
    bare: list[None] = [None] * REQUESTS
    steps, products = [], []
    for _ in range(ROUNDS):
        whole = timed(lambda: ask_all(engine, bare, NEW_TOKENS))
        first = timed(lambda: ask_all(engine, bare, 1))
        steps.append((whole - first) / (NEW_TOKENS - 1))
        products.append(products_seconds(engine))
    ratio = median(steps) / median(products)
    return [
        Figure(f"decode step of {REQUESTS} rows", f"{1e3 * median(steps):.0f} ms"),
        Figure("the same ÷ its bare matrix products", f"{ratio:.2f}", "at most 1.8"),
    ]


def products_seconds(engine: Engine) -> float:
    """Seconds for the products with the base's weights of one decode step, and nothing else."""
    weights = {each.values.data_ptr(): each for each in packed_weights(engine.base.model)}
    model: Any = engine.base.model
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    if head.packed is not embedding.packed:
        del weights[embedding.packed.values.data_ptr()]  # looked up, not multiplied
    jobs = [(each, torch.zeros(REQUESTS, each.in_features)) for each in weights.values()]

    def multiply() -> None:
        for weight, x in jobs:
            product(x, weight)

    multiply()
    return median(timed(multiply) for _ in range(20))


def measure_prefix_reuse(engine: Engine) -> list[Figure]:
    """Seconds to the first token after a long history, with and without a cached prefix."""
    history = [7 + i % 4000 for i in range(HISTORY_TOKENS)]
    new = engine.base.renderer.text_ids("And what then?")
    cold, warm = [], []
    for round_ in range(3):
        prompt = [round_ + 10, *history]
        cold.append(seconds_to_first_token(engine, [*prompt, *new]))
        warm.append(seconds_to_first_token(engine, [*prompt, *new, *new]))
    ratio = median(warm) / median(cold)
    return [
        Figure(f"first token behind {HISTORY_TOKENS} tokens of history", f"{median(cold):.2f} s"),
        Figure("the same with prefix reuse ÷ without", f"{ratio:.3f}", "at most 0.15"),
    ]


def measure_loading(engine: Engine, adapters: Sequence[AdapterVersion]) -> list[Figure]:
    """Seconds to load an adapter from the disk's page cache, ready to be bound to a row."""
    seconds = []
    for version in adapters:
        began = time.perf_counter()
        engine.adapters.lease(version).result()
        seconds.append(time.perf_counter() - began)
    share = engine.adapters.resident_bytes / sum(version.size_bytes for version in adapters)
    for version in adapters:
        engine.adapters.release(version)
    return [
        Figure(
            f"cold adapter to memory, {LOADS} loads: median, 99th percentile",
            f"{1e3 * median(seconds):.1f} ms, {1e3 * quantiles(seconds, n=100)[-1]:.1f} ms",
            "99th at most 20 ms",
        ),
        Figure("memory per adapter ÷ its files' size", f"{share:.2f}", "0.90–1.10"),
    ]


def tokens_per_second(engine: Engine, versions: Sequence[AdapterVersion | None]) -> float:
    """All requests at once, from submission to the last token."""
    seconds = timed(lambda: ask_all(engine, versions, NEW_TOKENS))
    return len(versions) * NEW_TOKENS / seconds


def prefill_seconds(engine: Engine, versions: Sequence[AdapterVersion | None]) -> float:
    """Seconds for one token of each request, after a prompt without a cached prefix."""
    return timed(lambda: ask_all(engine, versions, 1))


def seconds_to_first_token(engine: Engine, prompt: Sequence[int]) -> float:
    """One request alone."""
    params = SamplingParams(temperature=0, max_tokens=1, ignore_eos=True)

    async def ask() -> None:
        async for _ in engine.submit(prompt, params, None, user="one"):
            pass

    return timed(lambda: asyncio.run(ask()))


def ask_all(engine: Engine, versions: Sequence[AdapterVersion | None], tokens: int) -> None:
    """Submit one request per version and read all replies."""
    params = SamplingParams(temperature=0, max_tokens=tokens, ignore_eos=True)
    renderer = engine.base.renderer

    async def ask(index: int, version: AdapterVersion | None) -> None:
        # Each prompt starts with the time, so that no prefix of it is cached.
        text = renderer.text_ids(f"{time.monotonic_ns() + index} {QUESTION}")
        async for _ in engine.submit(text, params, version, user=str(index)):
            pass

    async def gather() -> None:
        await asyncio.gather(*(ask(i, version) for i, version in enumerate(versions)))

    asyncio.run(gather())


def timed(work: Callable[[], None]) -> float:
    """Seconds of wall-clock time."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
