"""Replies in the background give way to those that somebody waits for."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters_store.files import AdapterFiles
from adapters_store.records import AdapterVersion, Precision
from feedback.records import Message
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.errors import EngineOverloadedError
from server.engine.generation import Generation
from server.engine.records import SamplingParams
from server.engine.scheduling import LONGEST_WAIT, overdue
from tests.adapters import LORA, publish_random_adapter
from tests.conftest import load_tiny
from tests.server.engine.running import replies, running_engine

LONG = SamplingParams(temperature=0, max_tokens=200, ignore_eos=True)
SHORT = SamplingParams(temperature=0, max_tokens=30, ignore_eos=True)
INTERRUPTED = SamplingParams(temperature=0, max_tokens=60, ignore_eos=True)
BRIEF = SamplingParams(temperature=0, max_tokens=8, ignore_eos=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> AdapterFiles:
    return AdapterFiles(tmp_path_factory.mktemp("adapters"))


@pytest.fixture(scope="module", params=["compiled", "fused"])
def engine(
    request: pytest.FixtureRequest, tiny_model_folder: Path, files: AdapterFiles
) -> Iterator[LocalEngine]:
    precision: Precision | None = "float32" if request.param == "compiled" else None
    config = EngineConfig(max_batch_size=8, prefill_chunk=7)
    with running_engine(tiny_model_folder, files, config, precision) as engine:
        yield engine


@pytest.fixture(scope="module")
def version(engine: LocalEngine, files: AdapterFiles) -> AdapterVersion:
    return publish_random_adapter(files, engine.shapes, 1)


def ask(
    engine: LocalEngine, text: str, version: AdapterVersion | None, params: SamplingParams = LONG
) -> Generation:
    """A reply in the background."""
    prompt = engine.render([Message("user", text)])
    return engine.submit(prompt, params, version, user="scheduler", is_background=True)


def test_they_wait_while_another_reply_is_written(
    engine: LocalEngine, version: AdapterVersion
) -> None:
    async def written_meanwhile() -> list[int]:
        generations = [ask(engine, str(i), version if i % 2 else None) for i in range(4)]
        written = [0] * len(generations)

        async def read(i: int) -> None:
            async for delta in generations[i]:
                written[i] = delta.tokens

        reading = [asyncio.create_task(read(i)) for i in range(len(generations))]
        while min(written) < 3:
            await asyncio.sleep(0.001)
        prompt = engine.render([Message("user", "hello")])
        users = engine.submit(prompt, SHORT, None, user="ann")
        at_first: list[int] = []
        async for delta in users:
            if delta.tokens >= 5 and not at_first:
                at_first = list(written)
        more = [now - before for now, before in zip(written, at_first, strict=True)]
        for task in reading:
            task.cancel()
        for generation in generations:
            generation.cancel()
        return more

    assert asyncio.run(written_meanwhile()) == [0] * 4


def test_a_reply_that_gave_way_is_the_same(engine: LocalEngine, version: AdapterVersion) -> None:
    texts = [str(i) for i in range(4)]
    undisturbed = replies(engine, [(text, INTERRUPTED, version) for text in texts])

    async def interrupted() -> list[str]:
        async def read(text: str) -> str:
            generation = ask(engine, text, version, INTERRUPTED)
            return "".join([delta.text async for delta in generation])

        reading = [asyncio.create_task(read(text)) for text in texts]
        prompt = engine.render([Message("user", "hello")])
        while not all(task.done() for task in reading):
            async for _ in engine.submit(prompt, BRIEF, None, user="ann"):
                pass
            await asyncio.sleep(0.005)
        return [task.result() for task in reading]

    assert asyncio.run(interrupted()) == undisturbed


def test_one_that_waited_long_is_written_beside_others(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.engine.scheduling.LONGEST_WAIT", 0.01)

    async def ends() -> bool:
        prompt = engine.render([Message("user", "hello")])
        users = engine.submit(prompt, LONG, None, user="ann")
        await anext(aiter(users))
        background = engine.submit(prompt, SHORT, None, user="scheduler", is_background=True)
        async for _ in background:
            pass
        is_still_writing = engine.is_busy
        users.cancel()
        return is_still_writing

    assert asyncio.run(ends())


def test_only_one_at_a_time_is_written_beside_others(
    tiny_model_folder: Path, files: AdapterFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.engine.scheduling.LONGEST_WAIT", 0.0)
    engine = LocalEngine(load_tiny(tiny_model_folder), LORA, files, EngineConfig(max_batch_size=1))

    async def kinds() -> list[bool]:
        prompt = engine.render([Message("user", "hello")])
        engine.submit(prompt, LONG, None, user="ann")
        for _ in range(3):
            ask(engine, "hello", None)
        for _ in range(5):
            engine.step()
        return [sequence.is_background for sequence in engine._waiting]

    try:
        assert asyncio.run(kinds()).count(False) == 1
    finally:
        engine.stop()


def test_they_take_no_place_in_the_queue_from_others(
    tiny_model_folder: Path, files: AdapterFiles
) -> None:
    engine = LocalEngine(load_tiny(tiny_model_folder), LORA, files, EngineConfig(queue_limit=1))

    async def submit_all() -> int:
        prompt = engine.render([Message("user", "hello")])
        ask(engine, "hello", None)
        engine.submit(prompt, SHORT, None, user="ann")
        with pytest.raises(EngineOverloadedError):
            ask(engine, "hello", None)
        with pytest.raises(EngineOverloadedError):
            engine.submit(prompt, SHORT, None, user="bob")
        return engine.num_waiting

    try:
        assert asyncio.run(submit_all()) == 2
    finally:
        engine.stop()


@given(since=st.lists(st.floats(0, 1000)), now=st.floats(1000, 2000))
def test_the_longest_waiting_is_overdue_first(since: list[float], now: float) -> None:
    index = overdue(since, now)
    waits = [now - each for each in since]
    if index is None:
        assert all(wait < LONGEST_WAIT for wait in waits)
    else:
        assert waits[index] == max(waits) >= LONGEST_WAIT
