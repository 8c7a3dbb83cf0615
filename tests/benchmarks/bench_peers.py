"""Sixteen adapters in one batch: the engine against PEFT and vLLM, on the smallest base.

    python -m tests.benchmarks.bench_peers [--no-write]

Greedy, 16 requests at once, in process.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from adapters_store.base_model import choose_device, choose_dtype, load_base_model
from adapters_store.files import AdapterFiles
from adapters_store.lora import linear_shapes
from adapters_store.models.resolve import ResolvedModel
from adapters_store.records import LoraConfig
from server.base_model.engines import load_base_of
from server.engine.engine import EngineConfig, LocalEngine
from server.settings import Settings
from tests.benchmarks.base import resolve_base
from tests.benchmarks.bench_engine import (
    NEW_TOKENS,
    QUESTION,
    REQUESTS,
    Figure,
    publish,
    tokens_per_second,
)
from tests.benchmarks.peft_mixed import peft_tokens_per_second
from tests.benchmarks.report import machine, markdown_table, show_section


def main() -> None:
    """Measure, print and write the table."""
    settings = Settings()
    model = resolve_base(settings, Console())
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(model, settings, Path(folder))
    rows = [(figure.name, figure.measured, figure.wanted) for figure in figures]
    text = f"{model.name}, measured on {machine()}.\n\n"
    text += markdown_table(("figure", "measured", "wanted"), rows)
    show_section("peers", text, is_written="--no-write" not in sys.argv)


def measure(model: ResolvedModel, settings: Settings, folder: Path) -> list[Figure]:
    """Every figure, one after the other."""
    lora, files = settings.lora, AdapterFiles(folder)
    base = load_base_of(settings, model)
    shapes = linear_shapes(base.model, lora.targets)
    adapters = [publish(files, shapes, lora, seed) for seed in range(REQUESTS)]
    paths = [folder / version.folder for version in adapters]
    engine = LocalEngine(base, lora, files, EngineConfig(max_batch_size=REQUESTS))
    engine.start()
    gc.collect()
    gc.freeze()  # as the server does
    try:
        tokens_per_second(engine, adapters)  # warm
        ours = tokens_per_second(engine, adapters)
        bare = tokens_per_second(engine, [None] * REQUESTS)
    finally:
        engine.stop()
    device = choose_device("auto")
    dtype = choose_dtype("auto", device)
    plain = load_base_model(
        model.path, name=model.name, revision=model.revision, device=device, dtype=dtype
    )
    peft = peft_tokens_per_second(plain, lora, paths, QUESTION, NEW_TOKENS)
    name = str(dtype).removeprefix("torch.")
    return [
        Figure("weights of the base: ours, theirs", f"{base.precision or name}, {name}"),
        Figure("tokens/s, 16 adapters", f"{ours:.0f}"),
        Figure("tokens/s of PEFT's mixed batch (`adapter_names`), 16 adapters", f"{peft:.0f}"),
        Figure("ours ÷ PEFT's, 16 adapters", f"{ours / peft:.1f}", "at least 5"),
        *compare_with_vllm(model, lora, name, paths, bare, ours),
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


if __name__ == "__main__":
    main()
