"""What vLLM says of a given text, against what the engine in this process says of it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters_store.records import AdapterVersion
from feedback.records import Message
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.interface import Engine
from server.engine.records import TokenLogprob
from tests.conftest import load_tiny
from tests.server.live import LiveServer, Person

NUM_TOP = 50
NATS = 1e-3

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def local(server: LiveServer, model: Path) -> Iterator[LocalEngine]:
    """The same base and the same adapters, in this process."""
    lora, files = server.services.runtime.lora, server.services.stores.files
    engine = LocalEngine(load_tiny(model), lora, files, EngineConfig())
    engine.start()
    yield engine
    engine.stop()


def scores(engine: Engine, adapter: AdapterVersion | None) -> tuple[TokenLogprob, ...]:
    async def ask() -> tuple[TokenLogprob, ...]:
        prompt = engine.render([Message("user", "Who are you?")])
        reply = engine.renderer.text_ids("A lighthouse keeper's cat, and I purr.")
        [delta] = [d async for d in engine.score(prompt, reply, adapter, user="", num_top=NUM_TOP)]
        return delta.logprobs

    return asyncio.run(ask())


@pytest.mark.parametrize("has_adapter", [False, True])
def test_a_given_text_and_its_50_likeliest_tokens_are_scored_as_in_this_process(
    server: LiveServer, people: list[Person], local: LocalEngine, has_adapter: bool
) -> None:
    version = server.services.stores.registry.version(people[0].id, 1) if has_adapter else None
    ours, theirs = scores(local, version), scores(server.services.runtime.engine, version)
    assert [each.token for each in theirs] == [each.token for each in ours]
    for a, b in zip(ours, theirs, strict=True):
        assert b.logprob == pytest.approx(a.logprob, abs=NATS)
        assert len(b.top) == NUM_TOP
        assert dict(b.top) == pytest.approx(dict(a.top), abs=NATS)
