"""Guided replies: away from what the model would say after another prompt."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from transformers import UnbatchedClassifierFreeGuidanceLogitsProcessor

from adapters_store.base_model import BaseModel
from adapters_store.files import AdapterFiles
from adapters_store.records import AdapterVersion
from feedback.records import Message
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.generation import Generation
from server.engine.records import SamplingParams
from tests.adapters import LORA, publish_random_adapter
from tests.conftest import load_tiny
from tests.server.engine.running import replies
from tests.waiting import wait_until

GREEDY = SamplingParams(temperature=0, max_tokens=24, ignore_eos=True, guidance_scale=2.0)
DRAWN = replace(GREEDY, temperature=1.0, seed=5)
PLAIN = replace(GREEDY, guidance_scale=1.0)
SHORT = SamplingParams(temperature=0, max_tokens=4, ignore_eos=True)
MEMORY = tuple(
    Message(role, text)
    for i in range(4)
    for role, text in (("user", f"question {i}"), ("assistant", f"well, {i} it is"))
)


def ask(
    engine: LocalEngine,
    text: str,
    params: SamplingParams = GREEDY,
    user: str = "ann",
    more: Sequence[Message] = (),
    version: AdapterVersion | None = None,
) -> Generation:
    """Ask with MEMORY, and without it as the guide."""
    question = (*more, Message("user", text))
    shown, alone = engine.render((*MEMORY, *question)), engine.render(question)
    return engine.submit(shown, params, version, user=user, unconditional_ids=alone)


async def text_of(generation: Generation) -> str:
    return "".join([delta.text async for delta in generation])


def texts(engine: LocalEngine, params: SamplingParams, count: int = 1) -> list[str]:
    async def gather() -> list[str]:
        return await asyncio.gather(*(text_of(ask(engine, str(i), params)) for i in range(count)))

    return asyncio.run(gather())


def tokens(engine: LocalEngine, params: SamplingParams) -> list[int]:
    async def written() -> list[int]:
        deltas = [delta async for delta in ask(engine, "0", replace(params, logprobs=0))]
        return [each.token for delta in deltas for each in delta.logprobs]

    return asyncio.run(written())


def test_a_guided_reply_is_that_of_transformers(
    tiny_base: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.engine.sampler.MIN_PLAUSIBLE", 1e-30)
    renderer, question = tiny_base.renderer, (Message("user", "0"),)
    alone = torch.tensor([renderer.prompt_ids(question)])
    shown = torch.tensor([renderer.prompt_ids((*MEMORY, *question))])
    guide = UnbatchedClassifierFreeGuidanceLogitsProcessor(2.0, tiny_base.model, cast(Any, alone))
    for _ in range(GREEDY.max_tokens):
        with torch.no_grad():
            logits = tiny_base.model(shown).logits[:, -1]
        token = guide(shown, logits).argmax(dim=-1, keepdim=True)
        shown = torch.cat([shown, token], dim=1)
    expected = shown[0, -GREEDY.max_tokens :].tolist()
    engine = LocalEngine(tiny_base, LORA, AdapterFiles(tmp_path), EngineConfig(max_batch_size=2))
    engine.start()
    try:
        assert tokens(engine, GREEDY) == expected
        assert tokens(engine, PLAIN) != expected
    finally:
        engine.stop()


@pytest.mark.parametrize("params", [GREEDY, DRAWN], ids=["greedy", "drawn"])
@pytest.mark.parametrize("has_adapter", [False, True], ids=["base", "adapter"])
def test_a_guided_reply_is_the_same_beside_others(
    engine: LocalEngine, files: AdapterFiles, params: SamplingParams, has_adapter: bool
) -> None:
    first, second = (publish_random_adapter(files, engine.shapes, seed) for seed in (1, 2))
    version = first if has_adapter else None

    async def written(num_others: int) -> list[str]:
        versions = (None, first, second)
        others = [
            ask(engine, f"other {i}", params, user=f"user {i % 3}", version=versions[i % 3])
            for i in range(num_others)
        ]
        asked = [ask(engine, "0", params, user="bob", version=version) for _ in range(3)]
        found = await asyncio.gather(*map(text_of, (*asked, *others)))
        return list(found[: len(asked)])

    alone = asyncio.run(written(0))
    assert len(set(alone)) == 1
    assert asyncio.run(written(12)) == alone


def test_it_is_the_same_after_it_gave_its_rows_up(engine: LocalEngine) -> None:
    long = replace(GREEDY, max_tokens=150)
    undisturbed = texts(engine, long, count=6)

    async def interrupted() -> list[str]:
        asked = [ask(engine, str(i), long) for i in range(6)]
        reading = [asyncio.create_task(text_of(each)) for each in asked]
        num_short = 0
        while not all(task.done() for task in reading):
            prompt = engine.render([Message("user", "hello")])
            await text_of(engine.submit(prompt, SHORT, None, user=f"other {num_short}"))
            num_short += 1
        assert num_short > 3
        return [task.result() for task in reading]

    assert asyncio.run(interrupted()) == undisturbed


def test_a_longer_conversation_than_a_step_takes_is_guided(engine: LocalEngine) -> None:
    more = [Message(role, "so it is " * 8) for role in ("user", "assistant")]

    async def both() -> tuple[str, str]:
        alone = await text_of(ask(engine, "0", more=more))
        busy = ask(engine, "busy", replace(GREEDY, max_tokens=200), user="bob")
        beside = (
            await text_of(ask(engine, "1", more=more)),
            await text_of(ask(engine, "0", more=more)),
        )
        busy.cancel()
        return alone, beside[1]

    first, again = asyncio.run(both())
    assert first == again


def test_every_row_is_free_at_the_end(engine: LocalEngine) -> None:
    async def cancelled() -> None:
        asked = [ask(engine, str(i), replace(GREEDY, max_tokens=500)) for i in range(9)]
        await anext(aiter(asked[0]))
        for generation in asked:
            generation.cancel()
        await text_of(ask(engine, "last"))

    asyncio.run(cancelled())
    wait_until(lambda: not engine.is_busy)


@pytest.fixture
def unstarted(tiny_model_folder: Path, tmp_path: Path) -> LocalEngine:
    config = EngineConfig(max_batch_size=4)
    return LocalEngine(load_tiny(tiny_model_folder), LORA, AdapterFiles(tmp_path), config)


def running_after(engine: LocalEngine, *users: str) -> list[str]:
    """Whose replies run after each of the users asked for one long guided reply."""

    async def run() -> list[str]:
        for user in users:
            ask(engine, "hello", replace(GREEDY, max_tokens=400), user=user)
        engine.step()
        engine.step()
        return sorted(sequence.user for sequence in engine._rows.replies)

    return asyncio.run(run())


def test_a_guided_reply_takes_two_rows(unstarted: LocalEngine) -> None:
    assert running_after(unstarted, *"aaaa") == ["a", "a"]
    assert (unstarted.num_running, unstarted.num_waiting) == (2, 2)


def test_a_newcomer_gets_both_rows_at_once(unstarted: LocalEngine) -> None:
    running_after(unstarted, *"aaaa")
    assert running_after(unstarted, "b") == ["a", "b"]


def test_users_who_hold_one_guided_reply_each_keep_it(unstarted: LocalEngine) -> None:
    running_after(unstarted, *"ab")
    assert running_after(unstarted, *"cd") == ["a", "b"]


def test_an_engine_of_one_row_guides_nothing(tiny_model_folder: Path, tmp_path: Path) -> None:
    config = EngineConfig(max_batch_size=1)
    engine = LocalEngine(load_tiny(tiny_model_folder), LORA, AdapterFiles(tmp_path), config)
    engine.start()
    try:
        assert texts(engine, GREEDY) == texts(engine, PLAIN)
    finally:
        engine.stop()


def test_replies_without_guidance_are_what_they_were(engine: LocalEngine) -> None:
    before = replies(engine, [("hello", SHORT, None)])

    async def beside() -> str:
        prompt = engine.render([Message("user", "hello")])
        guided = ask(engine, "0")
        text = await text_of(engine.submit(prompt, SHORT, None, user="bob"))
        await text_of(guided)
        return text

    assert [asyncio.run(beside())] == before
