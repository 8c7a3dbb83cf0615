"""Scores of a given reply: the bare model's, beside replies that are being written."""

import asyncio
from pathlib import Path

import pytest
import torch

from adapters_store.files import AdapterFiles
from adapters_store.records import AdapterVersion
from feedback.records import Message
from server.engine.engine import SCORED_CHUNK, LocalEngine
from server.engine.errors import ContextOverflowError
from server.engine.records import SamplingParams, TextDelta, TokenLogprob
from server.engine.sampler import token_logprobs
from tests.adapters import publish_random_adapter
from tests.conftest import load_tiny
from tests.server.engine.running import reply

PROMPT = "tell me a long story, please"
LONG = tuple(range(40, 40 + SCORED_CHUNK + 9))


async def score(
    engine: LocalEngine,
    ids: tuple[int, ...],
    adapter: AdapterVersion | None = None,
    *,
    is_background: bool = False,
) -> list[TokenLogprob]:
    prompt = engine.render([Message("user", PROMPT)])
    generation = engine.score(
        prompt, ids, adapter, user="somebody", num_top=3, is_background=is_background
    )
    [delta] = [each async for each in generation]
    assert (delta.text, delta.tokens, delta.finish_reason) == ("", len(ids), "stop")
    return list(delta.logprobs)


def values(scores: list[TokenLogprob]) -> list[float]:
    return [each.logprob for each in scores]


@pytest.mark.parametrize("ids", [(9,), (5, 6, 7), LONG], ids=["one", "few", "many"])
def test_a_reply_is_scored_as_by_the_bare_model(
    engine: LocalEngine, tiny_model_folder: Path, ids: tuple[int, ...]
) -> None:
    bare = load_tiny(tiny_model_folder)
    prompt = bare.renderer.prompt_ids([Message("user", PROMPT)])
    with torch.inference_mode():
        logits = bare.model(torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1]
    expected = token_logprobs(logits, ids, [3] * len(ids))
    found = asyncio.run(score(engine, ids))
    assert [each.token for each in found] == list(ids)
    for ours, theirs in zip(found, expected, strict=True):
        assert theirs is not None
        assert ours.logprob == pytest.approx(theirs.logprob, abs=1e-4)
        assert [each[0] for each in ours.top] == [each[0] for each in theirs.top]


def test_the_engines_own_reply_is_scored_as_it_was_written(
    engine: LocalEngine, files: AdapterFiles
) -> None:
    version = publish_random_adapter(files, engine.shapes, seed=1)
    params = SamplingParams(temperature=0, max_tokens=20, logprobs=0, ignore_eos=True)
    deltas = asyncio.run(reply(engine, (PROMPT, params, version)))
    written = [each for delta in deltas for each in delta.logprobs]
    scored = asyncio.run(score(engine, tuple(each.token for each in written), version))
    assert values(scored) == pytest.approx(values(written), abs=1e-4)
    of_base = asyncio.run(score(engine, tuple(each.token for each in written)))
    assert values(of_base) != pytest.approx(values(written), abs=1e-2)


def test_scores_and_replies_do_not_disturb_each_other(engine: LocalEngine) -> None:
    params = SamplingParams(temperature=0, max_tokens=40, ignore_eos=True)

    async def together() -> tuple[list[list[TextDelta]], list[list[TokenLogprob]]]:
        texts = [reply(engine, (f"number {i}", params, None)) for i in range(3)]
        scores = [score(engine, LONG, is_background=i == 1) for i in range(3)]
        first = asyncio.gather(*texts[:2])
        second = asyncio.gather(*scores)
        third = asyncio.gather(*texts[2:])
        return [*await first, *await third], list(await second)

    def text(deltas: list[TextDelta]) -> str:
        return "".join(delta.text for delta in deltas)

    alone = [asyncio.run(reply(engine, (f"number {i}", params, None))) for i in range(3)]
    alone_scores = values(asyncio.run(score(engine, LONG)))
    replies, scores = asyncio.run(together())
    assert list(map(text, replies)) == list(map(text, alone))
    for each in scores:
        assert values(each) == pytest.approx(alone_scores, abs=1e-4)


def test_a_reply_without_tokens_or_without_room_is_refused(engine: LocalEngine) -> None:
    with pytest.raises(ValueError, match="nothing to score"):
        asyncio.run(score(engine, ()))
    with pytest.raises(ContextOverflowError):
        asyncio.run(score(engine, tuple([5] * engine.context_length)))
