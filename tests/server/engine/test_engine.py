"""The engine against the bare model, mixed batches against single runs, and its lifecycle."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters_store.files import AdapterFiles
from adapters_store.lora import AdapterPool
from adapters_store.records import AdapterVersion
from feedback.records import Message
from scheduler.trainer.generate import greedy_replies
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.errors import (
    ContextOverflowError,
    EngineOverloadedError,
    GenerationError,
    UserQueueFullError,
)
from server.engine.records import SamplingParams
from server.wire.grammars import json_grammar
from tests.adapters import LORA, publish_random_adapter
from tests.conftest import load_tiny
from tests.server.engine.running import Request, replies, reply, running_engine

GREEDY = SamplingParams(temperature=0, max_tokens=24)


@pytest.fixture(scope="module")
def versions(engine: LocalEngine, files: AdapterFiles) -> list[AdapterVersion]:
    return [publish_random_adapter(files, engine.shapes, seed) for seed in range(8)]


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def test_a_greedy_reply_equals_that_of_the_bare_model(
    engine: LocalEngine, tiny_model_folder: Path
) -> None:
    bare = load_tiny(tiny_model_folder)
    pool = AdapterPool(bare.model, LORA, num_slots=1)
    [expected] = greedy_replies(bare, pool, 0, [[Message("user", "tell me")]], max_tokens=24)
    [text] = replies(engine, [("tell me", GREEDY, None)])
    assert expected.startswith(text) and len(expected) - len(text) <= 1


def test_a_mixed_batch_of_8_users_equals_8_single_runs(
    engine: LocalEngine, versions: list[AdapterVersion]
) -> None:
    requests = [("x" * i, GREEDY, version) for i, version in enumerate(versions)]
    single = [replies(engine, [request])[0] for request in requests]
    assert replies(engine, requests) == single
    assert len(set(single)) == 8


def test_users_with_and_without_an_adapter_share_a_batch(
    engine: LocalEngine, versions: list[AdapterVersion]
) -> None:
    requests = [("same", GREEDY, version) for version in (None, versions[0], None, versions[1])]
    texts = replies(engine, requests)
    assert texts == [replies(engine, [request])[0] for request in requests]
    assert texts[0] == texts[2] and len(set(texts)) == 3


def test_replies_that_leave_early_do_not_disturb_the_others(
    engine: LocalEngine, versions: list[AdapterVersion]
) -> None:
    requests = [
        ("abc", SamplingParams(temperature=0, max_tokens=3 * (i % 3) + 2), version)
        for i, version in enumerate(versions)
    ]
    assert replies(engine, requests) == [replies(engine, [request])[0] for request in requests]


def test_more_requests_than_rows_all_get_their_replies(
    engine: LocalEngine, versions: list[AdapterVersion]
) -> None:
    requests = [("y" * i, GREEDY, versions[i % 8]) for i in range(20)]
    assert replies(engine, requests) == [replies(engine, [request])[0] for request in requests]


def test_the_same_seed_gives_the_same_text_alone_and_in_company(engine: LocalEngine) -> None:
    seeded = ("hello", SamplingParams(temperature=1.5, seed=11, max_tokens=24), None)
    other = ("hello", SamplingParams(temperature=1.5, seed=12, max_tokens=24), None)
    [alone] = replies(engine, [seeded])
    assert replies(engine, [other, seeded, other])[1] == alone
    assert replies(engine, [other])[0] != alone


def test_more_adapters_than_slots_are_served_in_turn(
    tiny_model_folder: Path, files: AdapterFiles, versions: list[AdapterVersion]
) -> None:
    requests = [("z", GREEDY, version) for version in versions]
    config = EngineConfig(max_batch_size=2, adapter_cache_bytes=1)
    with running_engine(tiny_model_folder, files, config) as small:
        crowded = replies(small, requests)
        assert eventually(lambda: small.adapters.num_resident == 0)
        assert crowded == [replies(small, [request])[0] for request in requests]


def test_the_next_turn_reads_only_what_is_new_and_says_the_same(
    engine: LocalEngine,
    tiny_model_folder: Path,
    files: AdapterFiles,
    versions: list[AdapterVersion],
) -> None:
    first = engine.render([Message("user", "a long first question")])

    async def write(where: LocalEngine, prompt: list[int]) -> str:
        deltas = [d async for d in where.submit(prompt, GREEDY, versions[3], user="u")]
        return "".join(delta.text for delta in deltas)

    asyncio.run(write(engine, first))
    assert eventually(lambda: not engine.is_busy)
    second = [*first, *engine.renderer.text_ids(" and more")]
    found = engine.prefixes.longest(versions[3].folder, second)
    assert found is not None and found[1] == len(first) - len(first) % 8
    with running_engine(tiny_model_folder, files) as cold:
        assert asyncio.run(write(engine, second)) == asyncio.run(write(cold, second))


@pytest.mark.parametrize(("first", "then"), [(0, 1), (None, 0), (0, None)])
def test_what_one_version_cached_is_never_read_by_another(
    first: int | None,
    then: int | None,
    engine: LocalEngine,
    tiny_model_folder: Path,
    files: AdapterFiles,
    versions: list[AdapterVersion],
) -> None:
    def request(index: int | None) -> Request:
        version = None if index is None else versions[index]
        return ("the same prompt for both", GREEDY, version)

    replies(engine, [request(first)])
    with running_engine(tiny_model_folder, files) as cold:
        assert replies(engine, [request(then)]) == replies(cold, [request(then)])


def test_a_prompt_of_the_base_is_shared_only_within_its_scope(engine: LocalEngine) -> None:
    prompt = engine.render([Message("user", "A prompt of its own that nobody else sends.")])

    async def answer() -> None:
        async for _ in engine.submit(prompt, GREEDY, None, user="ann", prefix_scope="ann"):
            pass

    asyncio.run(answer())
    assert eventually(lambda: not engine.is_busy)
    scopes = ("ann", "bob", None)
    assert [bool(engine.prefixes.longest(each, prompt)) for each in scopes] == [True, False, False]


def test_a_user_with_many_requests_does_not_keep_another_waiting(
    tiny_model_folder: Path, files: AdapterFiles
) -> None:
    engine = LocalEngine(load_tiny(tiny_model_folder), LORA, files, EngineConfig(max_batch_size=1))

    async def order_of_ends() -> list[str]:
        ends: list[str] = []

        async def ask(user: str) -> None:
            prompt = engine.render([Message("user", user)])
            params = SamplingParams(temperature=0, max_tokens=8, ignore_eos=True)
            async for _ in engine.submit(prompt, params, None, user=user):
                pass
            ends.append(user)

        asked = [asyncio.create_task(ask(user)) for user in (*["many"] * 6, "one")]
        await asyncio.sleep(0)
        # Not before all wait: a quick engine would have ended the first ones by then.
        engine.start()
        await asyncio.gather(*asked)
        return ends

    try:
        assert asyncio.run(order_of_ends()).index("one") <= 1
    finally:
        engine.stop()


def test_a_loop_is_left_when_repetition_is_penalised(
    tiny_model_folder: Path, files: AdapterFiles
) -> None:
    one_word = SamplingParams(temperature=0, max_tokens=40, ignore_eos=True, logit_bias={70: 20})
    texts = []
    for multiplier in (0.0, 1.0):
        config = EngineConfig(max_batch_size=2, dry_multiplier=multiplier)
        with running_engine(tiny_model_folder, files, config) as engine:
            texts += replies(engine, [("around and around", one_word, None)])
    looping, free = texts
    assert len(set(looping)) == 1
    assert len(set(free)) > 1
    assert free[:4] == looping[:4]


def test_a_long_prompt_lets_the_others_go_on(engine: LocalEngine) -> None:
    async def steps_in_between() -> int:
        params = SamplingParams(temperature=0, max_tokens=120, ignore_eos=True)
        short = engine.submit(engine.render([Message("user", "a")]), params, None, user="short")
        long = engine.submit([7] * 300, GREEDY, None, user="long")
        seen = 0

        async def count() -> None:
            nonlocal seen
            async for _ in short:
                seen += 1

        counting = asyncio.create_task(count())
        async for _ in long:
            break
        between = seen
        counting.cancel()
        short.cancel()
        long.cancel()
        return between

    # 300 tokens in chunks of 7 are 43 steps; some of them write no visible text.
    assert asyncio.run(steps_in_between()) > 15


def test_a_stop_string_ends_the_reply(engine: LocalEngine) -> None:
    [whole] = replies(engine, [("stop", GREEDY, None)])
    stop = whole[5:7]
    params = SamplingParams(temperature=0, max_tokens=24, stop=(stop,))
    assert replies(engine, [("stop", params, None)]) == [whole[: whole.index(stop)]]


def test_the_last_delta_says_why_and_after_how_many_tokens(engine: LocalEngine) -> None:
    deltas = asyncio.run(reply(engine, ("hi", GREEDY, None)))
    assert (deltas[-1].finish_reason, deltas[-1].tokens) == ("length", 24)
    assert all(delta.finish_reason is None for delta in deltas[:-1])


def test_a_reply_ends_where_the_context_does(engine: LocalEngine) -> None:
    async def long_reply() -> int:
        prompt = engine.render([Message("user", "a" * 440)])
        params = SamplingParams(temperature=0, max_tokens=10_000, ignore_eos=True)
        deltas = [delta async for delta in engine.submit(prompt, params, None, user="u")]
        return len(prompt) + deltas[-1].tokens

    assert asyncio.run(long_reply()) == engine.context_length


def test_a_prompt_without_room_for_a_reply_is_refused_with_the_numbers(engine: LocalEngine) -> None:
    async def too_long() -> None:
        engine.submit([5] * 512, GREEDY, None, user="u")

    with pytest.raises(ContextOverflowError, match="512 tokens, but the messages have 512"):
        asyncio.run(too_long())


def test_a_cancelled_reply_frees_its_row(engine: LocalEngine) -> None:
    async def cancel_after_the_first_token() -> None:
        params = SamplingParams(temperature=0, max_tokens=400, ignore_eos=True)
        generation = engine.submit(engine.render([Message("user", "go")]), params, None, user="u")
        async for _ in generation:
            break
        generation.cancel()

    asyncio.run(cancel_after_the_first_token())
    assert eventually(lambda: not engine.is_busy)


def test_a_full_queue_refuses_at_once(tiny_model_folder: Path, files: AdapterFiles) -> None:
    config = EngineConfig(max_batch_size=1, queue_limit=2)
    idle = LocalEngine(load_tiny(tiny_model_folder), LORA, files, config)

    async def fill() -> None:
        for _ in range(3):
            idle.submit([5, 6], GREEDY, None, user="u")

    with pytest.raises(EngineOverloadedError):
        asyncio.run(fill())


def test_a_user_may_have_only_so_many_requests_waiting(
    tiny_model_folder: Path, files: AdapterFiles
) -> None:
    config = EngineConfig(max_batch_size=1, user_queue_limit=2)
    idle = LocalEngine(load_tiny(tiny_model_folder), LORA, files, config)

    async def fill(user: str) -> None:
        for _ in range(3):
            idle.submit([5, 6], GREEDY, None, user=user)

    with pytest.raises(UserQueueFullError):
        asyncio.run(fill("somebody"))
    asyncio.run(fill(""))  # the empty name may stand for many people


def test_a_missing_adapter_fails_its_own_request_only(
    engine: LocalEngine, files: AdapterFiles, versions: list[AdapterVersion]
) -> None:
    lost = publish_random_adapter(files, engine.shapes, seed=99)
    files.remove(lost)

    async def both() -> tuple[object, object]:
        failed, fine = await asyncio.gather(
            reply(engine, ("a", GREEDY, lost)),
            reply(engine, ("a", GREEDY, versions[0])),
            return_exceptions=True,
        )
        return failed, fine

    failed, fine = asyncio.run(both())
    assert isinstance(failed, GenerationError)
    assert isinstance(fine, list) and fine[-1].finish_reason


def test_a_grammar_that_grows_too_complex_fails_its_own_reply_only(engine: LocalEngine) -> None:
    properties = {f"p{i}": {"type": "integer"} for i in range(1500)}
    schema = {"type": "object", "properties": properties}
    grammar = engine.grammar_compiler.compile(json_grammar(schema))

    async def both() -> tuple[object, object]:
        failed, fine = await asyncio.gather(
            reply(engine, ("a", replace(GREEDY, grammar=grammar), None)),
            reply(engine, ("a", GREEDY, None)),
            return_exceptions=True,
        )
        return failed, fine

    failed, fine = asyncio.run(both())
    assert isinstance(failed, GenerationError)
    assert isinstance(fine, list) and fine[-1].finish_reason


def test_a_failing_step_fails_its_replies_and_the_engine_goes_on(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def out_of_memory(**_: object) -> None:
            raise RuntimeError("out of memory")

        patch.setattr(engine._runner, "run", out_of_memory)
        with pytest.raises(GenerationError):
            asyncio.run(reply(engine, ("a", GREEDY, None)))
    assert asyncio.run(reply(engine, ("a", GREEDY, None)))[-1].finish_reason


def test_stopping_ends_the_replies_with_an_error(
    tiny_model_folder: Path, files: AdapterFiles
) -> None:
    async def stop_in_the_middle() -> None:
        with running_engine(tiny_model_folder, files) as stopping:
            params = SamplingParams(temperature=0, max_tokens=400, ignore_eos=True)
            generation = stopping.submit([5, 6], params, None, user="u")
            async for _ in generation:
                await asyncio.to_thread(stopping.stop)

    with pytest.raises(GenerationError, match="shutting down"):
        asyncio.run(stop_in_the_middle())
