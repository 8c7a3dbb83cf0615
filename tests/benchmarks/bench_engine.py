"""The engine on the real model: mixed adapters against none, by the format of the weights.

    python -m tests.benchmarks.bench_engine [--formats int8 float32 bfloat16] [--no-write]

Greedy, 16 requests at once, in process. The variants take turns in one run; figures are
medians, ratios those of neighbours, because machines are noisy. Keep the machine quiet meanwhile.
"""

import argparse
import asyncio
import gc
import itertools
import tempfile
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
import torch
from rich.console import Console

from adapters_store.base_model import BaseModel
from adapters_store.files import AdapterFiles
from adapters_store.lora import linear_shapes
from adapters_store.records import AdapterVersion, LoraConfig, Precision
from adapters_store.weights.frozen import packed_weights
from adapters_store.weights.packed_weight import PackedWeight
from adapters_store.weights.product import block_table, dtype_marker, multiply, quantise
from adapters_store.weights.tiles import GROUP
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.records import SamplingParams
from server.settings import Settings
from tests.adapters import publish_random_adapter
from tests.benchmarks.base import load_packed, resolve_base
from tests.benchmarks.report import machine, markdown_table, show_section

REQUESTS = 16
NEW_TOKENS = 64
ROUNDS = 5
LOADS = 50
DECODING = 8
FORMATS: tuple[tuple[Precision, torch.dtype], ...] = (
    ("int8", torch.float32),
    ("float32", torch.float32),
    ("bfloat16", torch.bfloat16),
)
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
    formats, is_written = parse_arguments()
    settings = Settings()
    model = resolve_base(settings, Console())
    with tempfile.TemporaryDirectory() as folder:
        columns = [
            measure(load_packed(settings, model, *each), settings.lora, Path(folder) / each[0])
            for each in formats
        ]
    rows = [
        (figures[0].name, *(figure.measured for figure in figures), figures[0].wanted)
        for figures in zip(*columns, strict=True)
    ]
    heading = ("weights", *(name for name, _ in formats), "wanted")
    text = f"{model.name}, measured on {machine()}.\n\n" + markdown_table(heading, rows)
    show_section(f"engine {model.name}", text, is_written=is_written)


def parse_arguments() -> tuple[list[tuple[Precision, torch.dtype]], bool]:
    """The formats to measure, and whether the table is written."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--no-write", action="store_true")
    parser.add_argument("--formats", nargs="*", default=[name for name, _ in FORMATS])
    options = parser.parse_args()
    formats = [each for each in FORMATS if each[0] in options.formats]
    return formats, not options.no_write


def measure(base: BaseModel, lora: LoraConfig, folder: Path) -> list[Figure]:
    """Every figure of one format, one after the other."""
    files = AdapterFiles(folder)
    shapes = linear_shapes(base.model, lora.targets)
    half = f".layers.{base.model.config.get_text_config().num_hidden_layers // 2}."
    lower = set(itertools.takewhile(lambda path: half not in path, shapes))
    adapters, cold = (
        [publish(files, shapes, lora, first + i) for i in range(number)]
        for first, number in ((0, REQUESTS), (1000, LOADS))
    )
    uppers = [publish(files, shapes, lora, 2000 + i, lower) for i in range(REQUESTS)]
    engine = LocalEngine(base, lora, files, EngineConfig(max_batch_size=REQUESTS))
    engine.start()
    gc.collect()
    gc.freeze()  # as the server does
    try:
        figures = [
            *measure_throughput(engine, adapters, uppers),
            *measure_step(engine),
            *measure_prefix_reuse(engine),
            *measure_guidance(engine),
        ]
        first = measure_loading(engine, cold)
    finally:
        engine.stop()
    restarted = LocalEngine(base, lora, AdapterFiles(folder), EngineConfig(max_batch_size=REQUESTS))
    restarted.start()
    try:
        later = measure_loading(restarted, cold)
    finally:
        restarted.stop()
    what = f"adapter to memory while {DECODING} rows decode, median and 99th percentile"
    return [
        *figures,
        Figure(f"new {what}", first),
        Figure(f"cold {what}", later, "99th at most 20 ms"),
    ]


def publish(
    files: AdapterFiles,
    shapes: dict[str, tuple[int, int]],
    lora: LoraConfig,
    seed: int,
    empty: Container[str] = (),
) -> AdapterVersion:
    """A random adapter of this deployment's shape."""
    return publish_random_adapter(
        files, shapes, seed, lora=lora, scale=0.02, dtype=torch.bfloat16, empty=empty
    )


def measure_throughput(
    engine: LocalEngine, adapters: Sequence[AdapterVersion], uppers: Sequence[AdapterVersion]
) -> list[Figure]:
    """Tokens per second and prefills: without adapters, with some in the upper half, in all."""
    variants: Mapping[str, Sequence[AdapterVersion | None]] = {
        "none": [None] * REQUESTS,
        "upper": uppers,
        "all": adapters,
    }
    rates: dict[str, list[float]] = {name: [] for name in variants}
    prefills: dict[str, list[float]] = {name: [] for name in variants}
    for versions in variants.values():
        ask_all(engine, versions, 4)  # warm
    for _ in range(ROUNDS):
        for name, versions in variants.items():
            prefills[name].append(timed(partial(ask_all, engine, versions, 1)))
            rates[name].append(tokens_per_second(engine, versions))
    bare = rates["none"]

    def ratio(some: Sequence[float], others: Sequence[float]) -> str:
        # Of neighbours in time: the machine's speed drifts.
        return f"{median(a / b for a, b in zip(some, others, strict=True)):.2f}"

    return [
        Figure(f"tokens/s, {REQUESTS} requests without adapters", f"{median(bare):.0f}"),
        Figure(
            f"with {REQUESTS} adapters in the upper half of the layers ÷ without",
            ratio(rates["upper"], bare),
            "at least 0.95",
        ),
        Figure(
            f"with {REQUESTS} adapters in all layers ÷ without",
            ratio(rates["all"], bare),
            "at least 0.90",
        ),
        Figure(
            "prefill with adapters in all layers ÷ without, time",
            ratio(prefills["all"], prefills["none"]),
            "at most 1.10",
        ),
    ]


def measure_step(engine: LocalEngine) -> list[Figure]:
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
        Figure("the same ÷ its bare matrix products", f"{ratio:.2f}", "at most 1.5"),
    ]


def products_seconds(engine: LocalEngine) -> float:
    """Seconds for the products with the base's weights of one decode step, and nothing else."""
    weights = {each.values.data_ptr(): each for each in packed_weights(engine.base.model)}
    model: Any = engine.base.model
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    if head.packed is not embedding.packed:
        del weights[embedding.packed.values.data_ptr()]  # looked up, not multiplied
    jobs = [product_of(each) for each in weights.values()]

    def multiply_all() -> None:
        for job in jobs:
            job()

    multiply_all()
    return median(timed(multiply_all) for _ in range(20))


def product_of(weight: PackedWeight) -> Callable[[], None]:
    """One product of random inputs, with everything prepared that a step prepares once."""
    inputs = weight.padded_inputs
    x = torch.randn(REQUESTS, inputs).numpy()
    is_rounded = weight.values.dtype == torch.int8
    rounded = np.zeros((REQUESTS, inputs) if is_rounded else (0, 0), np.int16)
    scales = np.zeros((REQUESTS, inputs // GROUP) if is_rounded else (0, 0), np.float32)
    if is_rounded:
        quantise(x, rounded, scales)
    y = np.empty((REQUESTS, weight.out_features), np.float32)
    bias, nothing = np.zeros(weight.out_features, np.float32), np.empty((REQUESTS, 0), np.float32)
    no_adapters, one = np.zeros(REQUESTS, np.int64), np.float32(1)
    operands = (x, rounded, scales, bias, nothing, no_adapters, 0, y, False, one)
    return partial(multiply, dtype_marker(weight), block_table([weight]), *operands)


def measure_prefix_reuse(engine: LocalEngine) -> list[Figure]:
    """Seconds to the first token after a long history, with and without a cached prefix."""
    history = [7 + i % 4000 for i in range(HISTORY_TOKENS)]
    new = engine.renderer.text_ids("And what then?")
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


def measure_guidance(engine: LocalEngine) -> list[Figure]:
    """Tokens per second of guided replies against others, one alone and eight at once, in turns."""
    figures = []
    for count in (1, REQUESTS // 2):
        bare: list[None] = [None] * count

        def rate(is_guided: bool, bare: Sequence[None] = bare) -> float:
            work = partial(ask_all, engine, bare, NEW_TOKENS, is_guided=is_guided)
            return len(bare) * NEW_TOKENS / timed(work)

        ratios = [rate(is_guided=True) / rate(is_guided=False) for _ in range(ROUNDS)]
        requests = "one guided reply" if count == 1 else f"{count} guided replies at once"
        figures.append(Figure(f"tokens/s, {requests} ÷ not guided", f"{median(ratios):.2f}"))
    return figures


def measure_loading(engine: LocalEngine, adapters: Sequence[AdapterVersion]) -> str:
    """Milliseconds to load an adapter from the disk's page cache, while 8 rows decode."""
    params = SamplingParams(temperature=0, max_tokens=2000, ignore_eos=True)
    seconds = []

    async def load_all() -> None:
        ids = engine.renderer.text_ids(QUESTION)
        others = [engine.submit(ids, params, None, user=str(i)) for i in range(DECODING)]
        for each in others:
            await anext(aiter(each))
        for version in adapters:
            began = time.perf_counter()
            await asyncio.to_thread(engine.adapters.lease(version).result)
            seconds.append(time.perf_counter() - began)
        assert engine.num_running == DECODING
        for each in others:
            each.cancel()

    asyncio.run(load_all())
    for version in adapters:
        engine.adapters.release(version)
    return f"{1e3 * median(seconds):.1f} ms, {1e3 * quantiles(seconds, n=100)[-1]:.1f} ms"


def tokens_per_second(engine: LocalEngine, versions: Sequence[AdapterVersion | None]) -> float:
    """All requests at once, from submission to the last token."""
    seconds = timed(lambda: ask_all(engine, versions, NEW_TOKENS))
    return len(versions) * NEW_TOKENS / seconds


def seconds_to_first_token(engine: LocalEngine, prompt: Sequence[int]) -> float:
    """One request alone."""
    params = SamplingParams(temperature=0, max_tokens=1, ignore_eos=True)

    async def ask() -> None:
        async for _ in engine.submit(prompt, params, None, user="one"):
            pass

    return timed(lambda: asyncio.run(ask()))


def ask_all(
    engine: LocalEngine,
    versions: Sequence[AdapterVersion | None],
    tokens: int,
    *,
    is_guided: bool = False,
) -> None:
    """Submit one request per version and read all replies."""
    scale = 1.5 if is_guided else 1.0
    params = SamplingParams(temperature=0, max_tokens=tokens, ignore_eos=True, guidance_scale=scale)
    renderer = engine.renderer

    async def ask(index: int, version: AdapterVersion | None) -> None:
        # Each prompt starts with the time, so that no prefix of it is cached.
        text = renderer.text_ids(f"{time.monotonic_ns() + index} {QUESTION}")
        guide = renderer.text_ids(f"{time.monotonic_ns() + index} {QUESTION}")
        async for _ in engine.submit(
            text, params, version, user=str(index), unconditional_ids=guide
        ):
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
