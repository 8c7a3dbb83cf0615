"""A real engine on the tiny model, and replies from it."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from adapters_store.files import AdapterFiles
from adapters_store.records import AdapterVersion, Precision, StackedAdapter
from feedback.records import Message
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.records import SamplingParams, TextDelta
from tests.adapters import LORA
from tests.conftest import load_tiny

Request = tuple[str, SamplingParams, AdapterVersion | StackedAdapter | None]


@contextmanager
def running_engine(
    model: Path,
    files: AdapterFiles,
    config: EngineConfig | None = None,
    precision: Precision | None = "float32",
) -> Iterator[LocalEngine]:
    """Start an engine and stop it at the end."""
    engine = LocalEngine(
        load_tiny(model, precision), LORA, files, config or EngineConfig(max_batch_size=8)
    )
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


async def reply(engine: LocalEngine, request: Request) -> list[TextDelta]:
    """All deltas of one reply."""
    text, params, adapter = request
    prompt = engine.render([Message("user", text)])
    user = adapter.user_id if isinstance(adapter, AdapterVersion) else "somebody"
    return [delta async for delta in engine.submit(prompt, params, adapter, user=user)]


def replies(engine: LocalEngine, requests: Sequence[Request]) -> list[str]:
    """The texts of replies that are written at the same time."""

    async def gather() -> list[list[TextDelta]]:
        return await asyncio.gather(*(reply(engine, request) for request in requests))

    return ["".join(delta.text for delta in deltas) for deltas in asyncio.run(gather())]
