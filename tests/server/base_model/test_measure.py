"""What a loaded model takes is measured by the engine that serves it."""

import asyncio
from pathlib import Path

import pytest

from adapters_store.files import AdapterFiles
from feedback.records import Message
from server.base_model.last_start import read, save
from server.base_model.measure import PROBE_SECONDS, measure, rate
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.records import SamplingParams
from tests.adapters import LORA
from tests.conftest import load_tiny
from tests.server.live import LiveServer


def test_a_running_model_has_a_size_and_a_speed(live: LiveServer, tiny_model: Path) -> None:
    measured = measure(live.local_engine, tiny_model)
    assert measured.model == "tiny"
    assert measured.weights_bytes == (tiny_model / "model.safetensors").stat().st_size
    assert measured.weights_bytes < measured.memory_bytes < measured.room_bytes
    assert measured.tokens_per_second is not None
    assert measured.tokens_per_second > 1


def test_while_somebody_chats_only_the_memory_is_measured(tiny_model: Path, tmp_path: Path) -> None:
    engine = LocalEngine(load_tiny(tiny_model), LORA, AdapterFiles(tmp_path), EngineConfig())

    async def ask() -> None:
        prompt = engine.render([Message("user", "hello")])
        engine.submit(prompt, SamplingParams(), None, user="somebody")

    asyncio.run(ask())  # it waits, because the engine is not started
    measured = measure(engine, tiny_model)
    engine.stop()
    assert measured.memory_bytes > 0
    assert measured.tokens_per_second is None


def test_the_figures_are_kept_for_later(live: LiveServer, tiny_model: Path, tmp_path: Path) -> None:
    measured = measure(live.local_engine, tiny_model)
    save(measured, tmp_path / "probes")
    assert read(tmp_path / "probes") == measured


@pytest.mark.parametrize("content", [None, "", "[]", '{"model": "x"}'])
def test_figures_that_are_not_there_are_unknown(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "speed.json").write_text(content)
    assert read(tmp_path) is None


def test_a_hiccup_does_not_change_the_rate() -> None:
    assert rate([(1, 0.0), (2, 0.1), (4, 0.3), (5, 1.3), (6, 1.4)]) == pytest.approx(10)


def test_a_model_that_writes_one_token_in_the_whole_probe_is_slow() -> None:
    assert rate([(3, 0.0)]) == 1 / PROBE_SECONDS


def test_without_any_token_the_rate_is_unknown() -> None:
    assert rate([]) is None
