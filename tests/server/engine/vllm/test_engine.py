"""Replies over HTTP from servers that answer as vLLM does."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from adapters_store.base_model import BaseOutline
from adapters_store.files import AdapterFiles
from adapters_store.records import AdapterVersion
from feedback.records import Message
from server.engine.errors import ContextOverflowError, EngineOverloadedError, GenerationError
from server.engine.records import SamplingParams, TextDelta, TokenLogprob
from server.engine.vllm.adapter_links import name_of
from server.engine.vllm.engine import VllmEngine
from server.engine.vllm.errors import UnsuitableServerError
from server.engine.vllm.placement import ranked
from tests.server.engine.vllm.conftest import Asking, publish
from tests.server.engine.vllm.stand_in import StandIn, answering, links_of
from tests.waiting import wait_until

GREEDY = SamplingParams(temperature=0, max_tokens=200)


def deltas(
    engine: VllmEngine, version: AdapterVersion | None = None, params: SamplingParams = GREEDY
) -> list[TextDelta]:
    async def ask() -> list[TextDelta]:
        prompt = engine.render([Message("user", "Who are you?")])
        return [delta async for delta in engine.submit(prompt, params, version, user="ann")]

    return asyncio.run(ask())


def text(
    engine: VllmEngine, version: AdapterVersion | None = None, params: SamplingParams = GREEDY
) -> str:
    return "".join(delta.text for delta in deltas(engine, version, params))


def asked_for(server: StandIn) -> list[str]:
    """The models that wrote replies, without tries and checks."""
    return [body["model"] for body in server.bodies if body.get("stream")]


def test_a_reply_has_text_and_an_end(server: StandIn, asking: Asking) -> None:
    with asking(server) as engine:
        found = deltas(engine)
    assert "".join(delta.text for delta in found) == "base"
    # The end-of-turn token counts.
    assert (found[-1].finish_reason, found[-1].tokens) == ("stop", 5)


def test_a_stop_string_ends_a_reply(server: StandIn, asking: Asking) -> None:
    with asking(server) as engine:
        found = deltas(engine, params=replace(GREEDY, stop=("se",)))
    assert ("".join(d.text for d in found), found[-1].finish_reason) == ("ba", "stop")


def test_a_limit_ends_a_reply(server: StandIn, asking: Asking) -> None:
    with asking(server) as engine:
        found = deltas(engine, params=replace(GREEDY, max_tokens=3))
    assert ("".join(d.text for d in found), found[-1].finish_reason) == ("bas", "length")


def test_log_probabilities_come_with_the_text(server: StandIn, asking: Asking) -> None:
    with asking(server) as engine:
        found = deltas(engine, params=replace(GREEDY, logprobs=1))
        [first] = engine.renderer.text_ids("b")
    assert found[0].logprobs == (TokenLogprob(first, -1.0, ((first, -1.0),)),)
    assert found[-1].logprobs == ()  # not of the end-of-turn token


def test_a_given_reply_is_scored(server: StandIn, asking: Asking) -> None:
    async def score(engine: VllmEngine) -> list[TextDelta]:
        generation = engine.score([5, 6], [9, 8], None, user="ann", num_top=1)
        return [delta async for delta in generation]

    with asking(server) as engine:
        [found] = asyncio.run(score(engine))
    tops = (7, -0.5)
    assert found.logprobs == (TokenLogprob(9, -9.0, (tops,)), TokenLogprob(8, -8.0, (tops,)))
    assert server.bodies[-1]["prompt"] == [5, 6, 9, 8]


def test_an_adapter_is_loaded_and_tried_out_once_before_it_answers(
    server: StandIn, asking: Asking, version: AdapterVersion
) -> None:
    name = name_of(version)
    with asking(server) as engine:
        server.log.clear()
        assert [text(engine, version) for _ in range(2)] == [name, name]
    assert server.log == [
        ("load", name),
        ("complete", name),  # the try
        ("complete", name),
        ("complete", name),
    ]


def test_adapters_never_share_a_name_or_a_folder(
    server: StandIn, asking: Asking, files: AdapterFiles, outline: BaseOutline, tmp_path: Path
) -> None:
    versions = [publish(files, outline, tmp_path, seed=1) for _ in range(2)]
    with asking(server) as engine:
        replies = {text(engine, version) for version in versions}
        folders = {server.adapters[name_of(version)] for version in versions}
    assert (len(replies), len(folders)) == (2, 2)


def test_an_adapter_that_the_server_forgot_is_loaded_again(
    server: StandIn, asking: Asking, version: AdapterVersion
) -> None:
    with asking(server) as engine:
        text(engine, version)
        server.adapters.clear()  # as after a restart
        assert text(engine, version) == name_of(version)


def test_an_erased_adapter_is_unloaded_and_its_links_are_removed(
    server: StandIn, asking: Asking, version: AdapterVersion, files: AdapterFiles, links: Path
) -> None:
    with asking(server) as engine:
        text(engine, version)
        assert links_of(links) == {name_of(version)}
        files.remove(version)
        wait_until(lambda: not links_of(links))
    assert server.log[-1] == ("unload", name_of(version))


def test_what_an_earlier_start_left_is_unloaded(
    server: StandIn, asking: Asking, version: AdapterVersion, links: Path
) -> None:
    with asking(server) as engine:
        text(engine, version)
    with asking(server):
        assert (server.adapters, links_of(links)) == ({}, set())


def test_a_damaged_adapter_fails_its_own_reply_only(
    server: StandIn, asking: Asking, version: AdapterVersion, tmp_path: Path
) -> None:
    weights = tmp_path / "adapters" / version.folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with asking(server) as engine:
        with pytest.raises(GenerationError, match="could not be loaded"):
            text(engine, version)
        assert text(engine) == "base"


def test_an_adapter_has_a_server_of_its_own(
    server: StandIn, other: StandIn, asking: Asking, version: AdapterVersion
) -> None:
    name = name_of(version)
    with asking(server, other) as engine:
        for _ in range(3):
            text(engine, version)
    first = ranked(name, [server.url, other.url])[0]
    counts = {each.url: asked_for(each).count(name) for each in (server, other)}
    assert counts == {each.url: 3 * (each.url == first) for each in (server, other)}


def test_a_reply_without_text_yet_is_tried_elsewhere(
    server: StandIn, other: StandIn, asking: Asking, version: AdapterVersion
) -> None:
    with asking(server, other) as engine:
        text(engine, version)
        [own] = [each for each in (server, other) if asked_for(each)]
        own.breaks_after = 0
        assert text(engine, version) == name_of(version)


def test_another_server_goes_on_with_a_reply(
    server: StandIn, other: StandIn, asking: Asking, version: AdapterVersion
) -> None:
    with asking(server, other) as engine:
        text(engine, version)
        [own] = [each for each in (server, other) if asked_for(each)]
        own.breaks_after = 2
        assert text(engine, version) == name_of(version)
    first, rest = (each.bodies[-1] for each in (own, server if own is other else other))
    assert rest["prompt"] == first["prompt"] + own.reply_of(name_of(version))[:2]
    assert rest["max_tokens"] == first["max_tokens"] - 2


def test_a_reply_that_cannot_be_gone_on_with_is_not_begun_again(
    server: StandIn, other: StandIn, asking: Asking
) -> None:
    with asking(server, other) as engine:
        server.breaks_after = other.breaks_after = 2
        with pytest.raises(GenerationError, match="in the middle of this reply"):
            text(engine, params=SamplingParams(temperature=1.0, seed=1))
    assert len(asked_for(server) + asked_for(other)) == 1


def test_an_unhealthy_server_is_left_out_until_it_is_healthy(
    server: StandIn, other: StandIn, asking: Asking
) -> None:
    with asking(server, other) as engine:
        server.is_healthy = False
        assert [text(engine) for _ in range(4)] == ["base"] * 4
        wait_until(lambda: engine.max_batch_size == 16)
        server.is_healthy = True
        wait_until(lambda: engine.max_batch_size == 32)


def test_a_reply_on_a_server_that_hangs_is_tried_elsewhere(
    server: StandIn, other: StandIn, asking: Asking, version: AdapterVersion
) -> None:
    with asking(server, other) as engine:
        text(engine, version)
        [own] = [each for each in (server, other) if asked_for(each)]
        own.hangs, own.is_healthy = True, False
        try:
            assert text(engine, version) == name_of(version)
        finally:
            own.hangs = False


def test_a_reply_that_is_ended_before_it_is_sent_is_tried_again(
    server: StandIn, asking: Asking
) -> None:
    with asking(server) as engine:
        [only] = engine._servers.values()

        async def leave_as_soon_as_it_is_admitted() -> str:
            generation = engine.submit([1, 2], GREEDY, None, user="ann")
            engine._loop.call_soon(engine._leave, only)
            return "".join([delta.text async for delta in generation])

        asked = asyncio.run_coroutine_threadsafe(leave_as_soon_as_it_is_admitted(), engine._loop)
        assert asked.result(60) == "base"
        wait_until(lambda: engine.num_running == 0)


def test_without_any_server_requests_are_refused_until_one_is_back(
    server: StandIn, asking: Asking
) -> None:
    with asking(server) as engine:
        server.is_healthy = False
        wait_until(lambda: not server.is_healthy and not engine._up)
        with pytest.raises(EngineOverloadedError, match="No vLLM server answers"):
            text(engine)
        server.is_healthy = True
        wait_until(lambda: engine._up)
        assert text(engine) == "base"


def test_a_server_that_starts_later_is_used(
    server: StandIn, asking: Asking, outline: BaseOutline, tiny_model_folder: Path
) -> None:
    late = StandIn(outline.renderer, str(tiny_model_folder))
    with answering(late):
        url = late.url
    with asking(server, StandIn(outline.renderer, "", url)) as engine:
        assert engine.max_batch_size == 16
        with answering(late, port=int(url.rpartition(":")[2])):
            wait_until(lambda: engine.max_batch_size == 32)


def test_a_prompt_longer_than_the_servers_take_is_refused(server: StandIn, asking: Asking) -> None:
    server.context_length = 32
    with asking(server) as engine:
        prompt = engine.render([Message("user", "x" * 32)])
        with pytest.raises(ContextOverflowError, match="length is 32 tokens"):
            engine.submit(prompt, GREEDY, None, user="ann")


def test_a_cancelled_reply_makes_room(server: StandIn, asking: Asking) -> None:
    server.tokens = server.renderer.text_ids("on and on " * 40)

    async def ask(engine: VllmEngine) -> None:
        generation = engine.submit([5], GREEDY, None, user="ann")
        async for _ in generation:
            generation.cancel()
            break

    with asking(server) as engine:
        asyncio.run(ask(engine))
        wait_until(lambda: not engine.is_busy)


def test_more_requests_than_may_wait_are_refused(server: StandIn, asking: Asking) -> None:
    async def ask(engine: VllmEngine) -> None:
        engine._is_stopping = False
        generations = [engine.submit([5], GREEDY, None, user="ann") for _ in range(2)]
        for each in generations:
            each.cancel()

    with (
        asking(server, max_batch_size=0, queue_limit=1) as engine,
        pytest.raises(EngineOverloadedError, match="at capacity"),
    ):
        asyncio.run(ask(engine))


@pytest.mark.parametrize(
    ("what", "advice"),
    [
        ({"key": "secret"}, "vllm_api_key"),
        ({"can_load": False}, "VLLM_ALLOW_RUNTIME_LORA_UPDATING"),
        ({"most_rank": 2}, "--max-lora-rank 8"),
        ({"most_logprobs": 20}, "--max-logprobs 50"),
        ({"root": "someone/else"}, None),
        ({"root": "."}, "it serves ."),
    ],
    ids=str,
)
def test_a_server_that_does_not_suit_is_refused_with_advice(
    server: StandIn, asking: Asking, what: dict[str, object], advice: str | None
) -> None:
    for name, value in what.items():
        setattr(server, name, value)
    if advice is None:  # whether it is the same model cannot be told
        with asking(server) as engine:
            assert text(engine) == "base"
        return
    with pytest.raises(UnsuitableServerError, match=advice), asking(server):
        pass


def test_a_server_with_other_tokens_is_refused(
    server: StandIn, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tokenize(*_: object) -> list[int]:
        return [1, 2, 3]

    monkeypatch.setattr("server.engine.vllm.client.VllmClient.tokenize", tokenize)
    with pytest.raises(UnsuitableServerError, match="its tokens are not"), asking(server):
        pass


def test_a_start_without_any_server_says_what_to_do(
    server: StandIn, asking: Asking, outline: BaseOutline
) -> None:
    nobody = StandIn(outline.renderer, "", "http://127.0.0.1:9")
    with pytest.raises(UnsuitableServerError, match="no vLLM server answers"), asking(nobody):
        pass
