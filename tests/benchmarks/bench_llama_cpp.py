"""Tokens per second of the engine and of llama.cpp, on the same weights and cores.

    LLAMA_CPP=FOLDER python -m tests.benchmarks.bench_llama_cpp MODEL [--no-write]

`FOLDER` holds `node_modules` with node-llama-cpp (`npm install node-llama-cpp`), MODEL is a GGUF
file with the weights that the built-in model of the settings was made from. llama.cpp gets them as
they are and as Q8_0. Both write 128 tokens after a prompt of 40, never ending early; the engine
alone, and 16 at once with 16 adapters. They take turns, and medians are compared: of five rounds
for one stream, one for 16.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.console import Console

from adapters_store.files import AdapterFiles
from adapters_store.lora import linear_shapes
from adapters_store.records import AdapterVersion
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.records import SamplingParams
from server.settings import Settings
from tests.benchmarks.base import load_served
from tests.benchmarks.bench_engine import publish
from tests.benchmarks.gguf_q8 import requantise
from tests.benchmarks.report import machine, markdown_table, show_section

ROUNDS = {1: 5, 16: 1}
PROMPT, TOKENS, STREAMS = 40, 128, 16
TEXT = "Tell me about the sea, its colours and the people who live by it. " * 8


class LlamaCpp:
    """A process that holds one model, and measures when asked."""

    def __init__(self, folder: str, model: Path) -> None:
        script = Path(__file__).with_name("llama_cpp.mjs")
        command = ["node", str(script), folder, str(model), str(torch.get_num_threads())]
        self._process = subprocess.Popen(
            [*command, str(STREAMS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tokens_per_second(self, streams: int) -> float:
        """All streams together."""
        assert self._process.stdin and self._process.stdout
        print(streams, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()


def main() -> None:
    """Measure, print and write the table."""
    folder = os.environ.get("LLAMA_CPP")
    if not folder:
        sys.exit("LLAMA_CPP is not set: see the top of this script")
    source = Path(sys.argv[1]).resolve()
    settings = Settings()
    base = load_served(settings, Console())
    with tempfile.TemporaryDirectory() as scratch:
        q8 = Path(scratch) / "q8.gguf"
        requantise(source, q8)
        rates = measure(LocalEngine, base, folder, {"as it is": source, "Q8_0": q8}, Path(scratch))
    ours, others = rates["ours"], {k: v for k, v in rates.items() if k != "ours"}
    rows = [
        (
            what,
            f"{ours[streams]:.1f}",
            *(f"{each[streams]:.1f}" for each in others.values()),
            *(f"{ours[streams] / each[streams]:.2f}" for each in others.values()),
        )
        for streams, what in (
            (1, "one stream"),
            (STREAMS, f"{STREAMS} streams, ours with adapters"),
        )
    ]
    heading = (
        "tokens/s",
        "ours",
        *(f"llama.cpp, {n}" for n in others),
        *(f"÷ {n}" for n in others),
    )
    text = f"{base.name}, measured on {machine()}.\n\n" + markdown_table(heading, rows)
    show_section(f"llama.cpp {base.name}", text, is_written="--no-write" not in sys.argv)


def measure(
    make_engine: Any, base: Any, folder: str, models: dict[str, Path], scratch: Path
) -> dict[str, dict[int, float]]:
    """Medians of tokens per second, by engine and number of streams."""
    lora = Settings().lora
    files = AdapterFiles(scratch / "adapters")
    shapes = linear_shapes(base.model, lora.targets)
    versions = [publish(files, shapes, lora, seed) for seed in range(STREAMS)]
    engine = make_engine(base, lora, files, EngineConfig(max_batch_size=STREAMS))
    engine.start()
    found: dict[str, dict[int, list[float]]] = {}
    try:
        tokens_per_second(engine, [None])
        for name, model in models.items():
            # One at a time: two models would not share the processor's cache fairly.
            with running(folder, model) as other:
                other.tokens_per_second(1)
                for streams, ours in ((1, [None]), (STREAMS, versions)):
                    for _ in range(ROUNDS[streams]):
                        rate = other.tokens_per_second(streams)
                        found.setdefault(name, {}).setdefault(streams, []).append(rate)
                        rate = tokens_per_second(engine, ours)
                        found.setdefault("ours", {}).setdefault(streams, []).append(rate)
    finally:
        engine.stop()
    return {name: {n: median(rates) for n, rates in each.items()} for name, each in found.items()}


@contextmanager
def running(folder: str, model: Path) -> Any:
    """llama.cpp with a model."""
    process = LlamaCpp(folder, model)
    try:
        yield process
    finally:
        process.close()


def tokens_per_second(engine: LocalEngine, versions: Sequence[AdapterVersion | None]) -> float:
    """All replies together, from the last one's first token to the end."""
    params = SamplingParams(temperature=0, max_tokens=TOKENS + 1, ignore_eos=True)
    ids = engine.renderer.text_ids(TEXT)[: PROMPT - 1]
    first_tokens: list[float] = []

    async def ask(index: int, version: AdapterVersion | None) -> None:
        # A first token of its own, and no block of the prompt is cached.
        prompt = [ids[index], *ids]
        is_first = True
        async for _ in engine.submit(prompt, params, version, user=str(index)):
            if is_first:
                first_tokens.append(time.perf_counter())
                is_first = False

    async def gather() -> None:
        await asyncio.gather(*(ask(i, version) for i, version in enumerate(versions)))

    asyncio.run(gather())
    return len(versions) * TOKENS / (time.perf_counter() - max(first_tokens))


if __name__ == "__main__":
    main()
