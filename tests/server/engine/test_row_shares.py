"""One user does not keep the rows that others wait for."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters_store.files import AdapterFiles
from feedback.records import Message
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.generation import Generation
from server.engine.records import SamplingParams
from tests.adapters import LORA
from tests.conftest import load_tiny
from tests.server.engine.running import replies

ENDLESS = SamplingParams(temperature=0, max_tokens=100_000, ignore_eos=True)
LONG = SamplingParams(temperature=0, max_tokens=80, ignore_eos=True)
SHORT = SamplingParams(temperature=0, max_tokens=4, ignore_eos=True)
DRAWN = SamplingParams(temperature=1, seed=5, max_tokens=80, ignore_eos=True, presence_penalty=1)


def ask(engine: LocalEngine, text: str, params: SamplingParams, user: str) -> Generation:
    return engine.submit(engine.render([Message("user", text)]), params, None, user=user)


async def text_of(generation: Generation) -> str:
    return "".join([delta.text async for delta in generation])


@pytest.mark.parametrize("params", [LONG, DRAWN], ids=["greedy", "drawn"])
def test_a_reply_that_gave_its_row_up_is_the_same(
    engine: LocalEngine, params: SamplingParams
) -> None:
    texts = [str(i) for i in range(8)]
    undisturbed = replies(engine, [(text, params, None) for text in texts])

    async def interrupted() -> list[str]:
        asked = [ask(engine, text, params, "ann") for text in texts]
        reading = [asyncio.create_task(text_of(each)) for each in asked]
        num_short = 0
        while not all(task.done() for task in reading):
            await text_of(ask(engine, "hello", SHORT, f"other {num_short}"))
            num_short += 1
        assert num_short > 3
        return [task.result() for task in reading]

    assert asyncio.run(interrupted()) == undisturbed


def test_another_user_is_answered_while_one_floods(engine: LocalEngine) -> None:
    async def answered() -> int:
        flood = [ask(engine, str(i), ENDLESS, "ann") for i in range(16)]
        async for _ in flood[0]:
            break
        try:
            tokens = [delta.tokens async for delta in ask(engine, "hello", SHORT, "bob")][-1]
            assert engine.num_running + engine.num_waiting >= len(flood)
            return tokens
        finally:
            for generation in flood:
                generation.cancel()

    assert asyncio.run(asyncio.wait_for(answered(), 60)) == 4


@pytest.fixture
def unstarted(tiny_model_folder: Path, tmp_path: Path) -> Iterator[LocalEngine]:
    """An engine with four rows that the test steps by hand."""
    config = EngineConfig(max_batch_size=4)
    engine = LocalEngine(load_tiny(tiny_model_folder), LORA, AdapterFiles(tmp_path), config)
    try:
        yield engine
    finally:
        engine.stop()


def holders_after(engine: LocalEngine, *asked: str, steps: int = 2) -> list[str]:
    """Who holds the rows after each of the users asked for one endless reply, in this order."""

    async def run() -> list[str]:
        for user in asked:
            ask(engine, "hello", ENDLESS, user)
        for _ in range(steps):
            engine.step()
        return sorted(sequence.user for sequence in engine._rows)

    return asyncio.run(run())


def test_one_user_alone_may_hold_all_rows(unstarted: LocalEngine) -> None:
    assert holders_after(unstarted, *"aaaaaa") == list("aaaa")


def test_a_newcomer_gets_rows_at_once_up_to_a_share(unstarted: LocalEngine) -> None:
    holders_after(unstarted, *"aaaaaaaa")
    assert holders_after(unstarted, *"bbb", steps=1) == list("aabb")


def test_a_free_row_goes_to_the_user_below_the_share(unstarted: LocalEngine) -> None:
    assert holders_after(unstarted, *"aaaaab", steps=1) == list("aaab")


def test_more_users_than_rows_all_get_a_turn(unstarted: LocalEngine) -> None:
    seen = set[str]()
    for _ in range(200):
        seen.update(
            holders_after(unstarted, steps=1) if seen else holders_after(unstarted, *"abcdef")
        )
    assert seen == set("abcdef")


def test_a_score_begins_again_after_its_row_was_given_up(unstarted: LocalEngine) -> None:
    async def scores(other: str | None) -> list[float]:
        prompt = unstarted.render([Message("user", "hello")])
        asked = [unstarted.score(prompt, list(range(3, 203)), None, user="ann") for _ in range(4)]
        unstarted.step()
        if other:
            ask(unstarted, "hello", SHORT, other)
        while unstarted.is_busy:
            unstarted.step()
        return [each.logprob for delta in [d async for d in asked[3]] for each in delta.logprobs]

    assert asyncio.run(scores("bob")) == asyncio.run(scores(None))


def test_a_resumed_reply_prefills_one_token(unstarted: LocalEngine) -> None:
    holders_after(unstarted, *"aaaa", steps=8)
    assert holders_after(unstarted, "b", steps=1) == list("aaab")

    for sequence in unstarted._rows:
        if sequence.user == "b":
            unstarted.cancel(sequence)
    unstarted._drop_cancelled()
    unstarted._admit()
    assert [sequence.num_uncached for sequence in unstarted._rows.prefilling] == [1]


@pytest.mark.parametrize(("rows", "steps"), [(4, 1), (1, 3)], ids=["flood", "one reply"])
def test_a_prompt_is_prefilled_in_parts_only_beside_users_within_their_share(
    unstarted: LocalEngine, rows: int, steps: int
) -> None:
    unstarted.config = replace(unstarted.config, prefill_chunk=16)
    prompt = unstarted.render([Message("user", "hello " * 4)])
    assert 2 * 16 < len(prompt) <= 3 * 16

    async def steps_to_write() -> int:
        for _ in range(rows):
            ask(unstarted, "hello", ENDLESS, "ann")
        for _ in range(4):
            unstarted.step()
        unstarted.submit(prompt, SHORT, None, user="bob")
        for step in range(1, 9):
            unstarted.step()
            if any(s.user == "bob" and s.output for s in unstarted._rows):
                return step
        return 0

    assert asyncio.run(steps_to_write()) == steps
