"""Servers that go and come back, adapters that go during a reply, and the engine's own end."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from math import inf
from pathlib import Path

import pytest

from adapters_store.base_model import BaseOutline
from adapters_store.files import AdapterFiles
from adapters_store.records import AdapterVersion
from server.engine.errors import EngineOverloadedError, GenerationError
from server.engine.vllm import engine as vllm_engine
from server.engine.vllm import registrations
from server.engine.vllm import server as vllm_server
from server.engine.vllm.adapter_links import AdapterLinks, name_of
from server.engine.vllm.client import VllmClient
from server.engine.vllm.engine import VllmEngine
from server.engine.vllm.errors import ServerGoneError
from tests.server.engine.vllm.conftest import Asking, publish
from tests.server.engine.vllm.stand_in import StandIn, links_of
from tests.server.engine.vllm.test_engine import text
from tests.waiting import wait_until


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as opened:
        yield opened


def begun(
    pool: ThreadPoolExecutor, engine: VllmEngine, version: AdapterVersion | None = None
) -> "Future[str]":
    """A reply that the engine works on."""
    reply = pool.submit(text, engine, version)
    wait_until(lambda: engine.is_busy)
    return reply


def take_away(server: StandIn, engine: VllmEngine) -> None:
    server.is_healthy = False
    wait_until(lambda: not engine._up)


def bring_back(server: StandIn, engine: VllmEngine) -> None:
    server.is_healthy = True
    wait_until(lambda: engine._up)


def test_an_erased_adapter_stays_loaded_until_its_last_reply_has_ended(
    server: StandIn,
    asking: Asking,
    files: AdapterFiles,
    outline: BaseOutline,
    links: Path,
    tmp_path: Path,
    pool: ThreadPoolExecutor,
) -> None:
    used, unused = (publish(files, outline, tmp_path, seed=seed) for seed in (1, 2))
    with asking(server) as engine:
        for each in (used, unused):
            text(engine, each)
        server.hangs = True
        reply = begun(pool, engine, used)
        for each in (used, unused):
            files.remove(each)
        wait_until(lambda: links_of(links) == {name_of(used)})
        assert set(server.adapters) == {name_of(used)}
        server.hangs = False
        assert reply.result() == name_of(used)
        wait_until(lambda: not links_of(links))
    assert server.adapters == {}


def test_an_adapter_that_was_erased_while_its_server_was_away_is_unloaded(
    server: StandIn, asking: Asking, version: AdapterVersion, files: AdapterFiles, links: Path
) -> None:
    with asking(server) as engine:
        text(engine, version)
        take_away(server, engine)
        files.remove(version)
        wait_until(lambda: not links_of(links))
        assert server.adapters
        bring_back(server, engine)
        assert server.adapters == {}


def test_an_adapter_is_not_taken_for_erased_because_its_storage_does_not_answer(
    version: AdapterVersion, files: AdapterFiles, links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: AdapterVersion) -> Path:
        raise OSError("the storage is away")

    monkeypatch.setattr(files, "open", fail)
    assert AdapterLinks(links, files).erased([version]) == set()


def test_an_adapter_that_could_not_be_unloaded_is_unloaded_later(
    server: StandIn, asking: Asking, version: AdapterVersion, files: AdapterFiles, links: Path
) -> None:
    with asking(server) as engine:
        text(engine, version)
        server.can_unload = False
        files.remove(version)
        wait_until(lambda: not links_of(links))
        assert server.adapters
        server.can_unload = True
        wait_until(lambda: not server.adapters)


def test_an_adapter_that_is_gone_right_after_it_was_loaded_is_loaded_again(
    server: StandIn, asking: Asking, version: AdapterVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, lost = VllmClient.load, [name_of(version)]

    async def forget_once(client: VllmClient, name: str, folder: Path) -> None:
        if name in lost:
            lost.remove(name)
        else:
            await load(client, name, folder)

    with asking(server) as engine:
        monkeypatch.setattr(VllmClient, "load", forget_once)
        assert text(engine, version) == name_of(version)


def test_what_a_restarted_server_forgot_is_not_taken_for_loaded(
    server: StandIn, asking: Asking, version: AdapterVersion
) -> None:
    with asking(server) as engine:
        text(engine, version)
        take_away(server, engine)
        server.adapters.clear()
        bring_back(server, engine)
        assert engine.num_resident_adapters == 0
        assert text(engine, version) == name_of(version)


def test_of_too_many_adapters_the_least_recently_used_are_unloaded(
    server: StandIn,
    asking: Asking,
    files: AdapterFiles,
    outline: BaseOutline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registrations, "MOST_KNOWN", 2)
    versions = [publish(files, outline, tmp_path, seed=seed) for seed in range(3)]
    with asking(server) as engine:
        for index in (0, 1, 0, 2):
            text(engine, versions[index])
        wait_until(lambda: len(server.adapters) == 2)
        assert set(server.adapters) == {name_of(versions[0]), name_of(versions[2])}


def test_a_server_that_is_away_is_looked_at_only_when_its_pause_is_over(
    server: StandIn, asking: Asking
) -> None:
    with asking(server) as engine:
        [away] = engine._servers.values()

        def look() -> bool:
            work = away.look_after(engine.context_length)
            asyncio.run_coroutine_threadsafe(work, engine._loop).result()
            return away.health.is_up

        away.note_failure(ServerGoneError("it broke"))
        away.health.next_check = inf
        assert not look()
        away.health.next_check = 0.0
        assert look()


def test_a_server_that_hangs_when_it_is_back_keeps_no_other_from_being_looked_at(
    server: StandIn, other: StandIn, asking: Asking
) -> None:
    with asking(server, other) as engine:
        server.is_healthy = False
        wait_until(lambda: engine.max_batch_size == 16)
        server.log.clear()
        server.hangs = server.is_healthy = True
        try:
            wait_until(lambda: server.log)
            take_away(other, engine)
        finally:
            server.hangs = False


def test_a_start_does_not_wait_for_a_server_that_hangs(
    server: StandIn, other: StandIn, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_server, "JOIN_SECONDS", 4.0)
    server.hangs = True
    try:
        with asking(server, other) as engine:
            assert text(engine) == "base"
    finally:
        server.hangs = False


def test_a_server_that_comes_back_unsuitable_is_left_out_with_advice(
    server: StandIn, asking: Asking, caplog: pytest.LogCaptureFixture
) -> None:
    with asking(server) as engine:
        take_away(server, engine)
        server.most_logprobs = 20
        server.is_healthy = True
        wait_until(lambda: "--max-logprobs 50" in caplog.text)
        assert not engine._up


def test_requests_that_wait_fail_if_no_server_comes_back(
    server: StandIn, asking: Asking, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_engine, "NO_SERVER_SECONDS", 0.2)
    with asking(server, max_batch_size=0) as engine:
        reply = begun(pool, engine)
        server.is_healthy = False
        with pytest.raises(EngineOverloadedError, match="No vLLM server answers"):
            reply.result()


def test_unfinished_replies_fail_when_the_engine_stops(
    server: StandIn, asking: Asking, pool: ThreadPoolExecutor
) -> None:
    try:
        with asking(server) as engine:
            server.hangs = True
            reply = begun(pool, engine)
        with pytest.raises(GenerationError, match="shutting down"):
            reply.result()
    finally:
        server.hangs = False
