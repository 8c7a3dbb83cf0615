"""Tokens per second over Loralei with `engine = "vllm"`, and straight from its vLLM server.

    VLLM_PYTHON=path/to/a/venv/bin/python python -m tests.benchmarks.bench_vllm [--no-write]

Both are asked in turns. vLLM has one core, Loralei and the client share the other one.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import httpx
from rich.console import Console

from feedback.records import Message
from server.engine.vllm.adapter_links import name_of
from server.settings import Settings
from tests.benchmarks.base import resolve_base
from tests.benchmarks.bench_serving import (
    NEW_TOKENS,
    QUESTION,
    STREAMS,
    promotion,
    stream_all,
)
from tests.benchmarks.report import machine, markdown_table, show_section
from tests.server.live import LiveServer, Person, running
from tests.server.peft_folder import import_version
from tests.vllm.running import KEY, Vllm, vllm_servers

PAIRS = 8
BASE = "base"


def main() -> None:
    """Measure, print and write the table."""
    model = resolve_base(Settings(), Console())
    with tempfile.TemporaryDirectory() as name, vllm_servers(model.path, Path(name)) as [vllm]:
        version = vllm.version
        schedule = {"interval": 0, "nightly": ""}
        options = {**vllm.options, "schedule": schedule, "threads": 1}
        with running(model.path, Path(name) / "data", **options) as live:
            people = [live.new_person() for _ in range(STREAMS)]
            bare = measure(live, vllm, people, [BASE] * STREAMS)
            mixed = measure(live, vllm, people, give_adapters(live, people))
    heading = (
        f"{STREAMS} streams, {NEW_TOKENS} tokens each",
        "tokens/s straight from vLLM",
        "over Loralei",
        f"ratio, median of {PAIRS} pairs (least – most)",
        "wanted",
    )
    rows = [("without adapters", *bare), (f"with {STREAMS} adapters", *mixed)]
    text = f"{model.name} in float32, measured on {machine()}, vLLM {version}.\n\n"
    text += markdown_table(heading, rows)
    show_section("vllm", text, is_written="--no-write" not in sys.argv)


def give_adapters(live: LiveServer, people: Sequence[Person]) -> list[str]:
    """Give each a version of their own; its names in vLLM."""
    with live.admin() as admin:
        for seed, person in enumerate(people):
            import_version(live, person, seed)
            admin.post(promotion(person), json={"version": 1}).raise_for_status()
    registry = live.services.stores.registry
    return [name_of(registry.version(person.id, 1)) for person in people]


def measure(
    live: LiveServer, vllm: Vllm, people: Sequence[Person], models: Sequence[str]
) -> tuple[str, ...]:
    """The cells of one row. The one that begins changes from pair to pair."""
    through = partial(ask_loralei, live, people)
    straight = partial(ask_vllm, live, vllm, models)
    rate(through), rate(straight)  # warm; the adapters are loaded
    pairs = []
    for number in range(PAIRS):
        ways = (through, straight) if number % 2 else (straight, through)
        rates = {way: rate(way) for way in ways}
        pairs.append((rates[straight], rates[through]))
    ratios = [b / a for a, b in pairs]
    alone, over = (median(column) for column in zip(*pairs, strict=True))
    spread = f"{median(ratios):.3f} ({min(ratios):.3f} – {max(ratios):.3f})"
    return f"{alone:.1f}", f"{over:.1f}", spread, "at least 0.95"


def rate(ask: Callable[[], None]) -> float:
    """Tokens per second of all streams together."""
    began = time.perf_counter()
    ask()
    return STREAMS * NEW_TOKENS / (time.perf_counter() - began)


def ask_loralei(live: LiveServer, people: Sequence[Person]) -> None:
    """Everybody gets a reply at the same time."""
    replies = asyncio.run(stream_all(live, people, NEW_TOKENS))
    assert not any(reply.error for reply in replies), replies


def ask_vllm(live: LiveServer, vllm: Vllm, models: Sequence[str]) -> None:
    """The same prompts and adapters without Loralei."""
    render = live.services.runtime.engine.render

    async def ask(client: httpx.AsyncClient, model: str) -> None:
        body = {
            "model": model,
            "prompt": render([Message("user", f"{time.monotonic_ns()} {QUESTION}")]),
            "temperature": 0,
            "max_tokens": NEW_TOKENS,
            "ignore_eos": True,
            "stream": True,
        }
        async with client.stream("POST", "/v1/completions", json=body) as answer:
            answer.raise_for_status()
            async for _ in answer.aiter_lines():
                pass

    async def ask_all() -> None:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=vllm.url, headers=headers, timeout=600) as client:
            await asyncio.gather(*(ask(client, model) for model in models))

    asyncio.run(ask_all())


if __name__ == "__main__":
    main()
