"""Is a greedy reply the same alone and in company? On the real model, over the engine.

    python -m tests.benchmarks.bench_invariance [--no-write]

Twenty prompts, half of them with an adapter, get 100 tokens each: alone, then in full batches of 16
with others of other lengths and adapters, with a cold and a cached prefix, and with three sizes of
chunks.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from adapters_store.base_model import BaseModel
from adapters_store.files import AdapterFiles
from adapters_store.lora import linear_shapes
from adapters_store.records import AdapterVersion
from feedback.records import Message
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.records import SamplingParams, TextDelta
from server.settings import Settings
from tests.benchmarks.base import load_packed, resolve_base
from tests.benchmarks.bench_engine import parse_arguments, publish
from tests.benchmarks.report import machine, markdown_table, show_section

PROMPTS = tuple(
    f"{ask} {topic}."
    for topic in ("the sea", "a small town", "bread", "trains", "the colour blue")
    for ask in (
        "Tell me about",
        "Write a short story that begins in the morning and ends at night, and is about",
        "Give me three reasons, each in a sentence of its own, why a child might like",
        "Explain",
    )
)
TOKENS, COMPANY = 100, 15
CHUNKS = (16, 64, 256)


def main() -> None:
    """Measure, print and write the table."""
    formats, is_written = parse_arguments()
    settings = Settings()
    model = resolve_base(settings, Console())
    rows = []
    for precision, dtype in formats:
        base = load_packed(settings, model, precision, dtype)
        activations = str(dtype).removeprefix("torch.")
        rows += [(precision, activations, *row) for row in measure(base, settings)]
    heading = ("weights", "cache", "situation", "replies that are the same")
    text = f"{model.name}, measured on {machine()}.\n\n{markdown_table(heading, rows)}"
    show_section(f"invariance {model.name}", text, is_written=is_written)


def measure(base: BaseModel, settings: Settings) -> list[tuple[str, str]]:
    """How many replies equal those that were written alone, by situation."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        files = AdapterFiles(Path(folder))
        shapes = linear_shapes(base.model, settings.lora.targets)
        adapters = [publish(files, shapes, settings.lora, seed) for seed in range(COMPANY + 1)]
        own = [adapters[i % 2] if i % 4 < 2 else None for i in range(len(PROMPTS))]
        alone: list[str] = []
        for chunk in CHUNKS:
            config = EngineConfig(max_batch_size=COMPANY + 1, prefill_chunk=chunk)
            engine = LocalEngine(base, settings.lora, files, config)
            engine.start()
            try:
                if not alone:
                    alone = [
                        asyncio.run(ask_alone(engine, *each))
                        for each in zip(PROMPTS, own, strict=True)
                    ]
                for situation in ("cold", "cached"):
                    together = asyncio.run(in_company(engine, own, adapters))
                    same = sum(a == b for a, b in zip(alone, together, strict=True))
                    what = f"in batches of {COMPANY + 1}, chunks of {chunk}, {situation} prefix"
                    rows.append((what, f"{same} of {len(PROMPTS)}"))
            finally:
                engine.stop()
    return rows


async def ask_alone(engine: LocalEngine, prompt: str, adapter: AdapterVersion | None) -> str:
    """A greedy reply."""
    params = SamplingParams(temperature=0, max_tokens=TOKENS, ignore_eos=True)
    ids = engine.render([Message("user", prompt)])
    events = engine.submit(ids, params, adapter, user=prompt)
    return "".join([event.text async for event in events if isinstance(event, TextDelta)])


async def in_company(
    engine: LocalEngine, own: Sequence[AdapterVersion | None], others: Sequence[AdapterVersion]
) -> list[str]:
    """The same replies at once, while others of other lengths and adapters come and go."""

    async def bother(index: int) -> None:
        params = SamplingParams(temperature=1.0, max_tokens=7 + 5 * index, ignore_eos=True)
        while True:
            text = "Something else. " * (1 + 3 * index)
            ids = engine.render([Message("user", text)])
            async for _ in engine.submit(ids, params, others[index], user=f"other {index}"):
                pass

    company = [asyncio.create_task(bother(index)) for index in range(COMPANY)]
    try:
        asked = (ask_alone(engine, *each) for each in zip(PROMPTS, own, strict=True))
        return await asyncio.gather(*asked)
    finally:
        for task in company:
            task.cancel()


if __name__ == "__main__":
    main()
