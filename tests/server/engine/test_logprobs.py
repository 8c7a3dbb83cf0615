"""Log-probabilities of written tokens, against PyTorch and the bare model."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from adapters_store.files import AdapterFiles
from feedback.records import Message
from server.engine.records import SamplingParams, TextDelta, TokenLogprob
from server.engine.sampler import token_logprobs
from server.wire.grammars import json_grammar
from tests.conftest import load_tiny
from tests.server.engine.running import reply, running_engine

LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 0.0, 3.0, 1.0]])


def test_a_row_that_did_not_ask_gets_nothing() -> None:
    assert token_logprobs(LOGITS, [0, 1], [None, None]) == [None, None]
    first, second = token_logprobs(LOGITS, [0, 1], [None, 0])
    assert first is None
    assert second is not None and second.top == ()


def test_they_are_the_log_softmax_of_the_raw_logits() -> None:
    expected = torch.log_softmax(LOGITS, -1)
    found = token_logprobs(LOGITS.bfloat16(), [1, 0], [2, 3])
    for row, (token, count) in enumerate([(1, 2), (0, 3)]):
        reported = found[row]
        assert reported is not None and reported.token == token
        assert reported.logprob == pytest.approx(float(expected[row, token]), abs=1e-6)
        values, ids = expected[row].topk(count)
        assert [each[0] for each in reported.top] == ids.tolist()
        assert [each[1] for each in reported.top] == pytest.approx(values.tolist(), abs=1e-6)


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(temperature=0, max_tokens=12),
        SamplingParams(
            temperature=1.7, seed=3, presence_penalty=2, logit_bias={9: 5}, max_tokens=12
        ),
    ],
    ids=["greedy", "changed"],
)
def test_they_are_the_bare_models_own_however_the_reply_is_drawn(
    tiny_model_folder: Path, tmp_path: Path, params: SamplingParams
) -> None:
    bare = load_tiny(tiny_model_folder)
    asking = replace(params, logprobs=4)
    with running_engine(tiny_model_folder, AdapterFiles(tmp_path)) as engine:
        reported = logprobs_of(asyncio.run(reply(engine, ("hi", asking, None))))
    prompt = bare.renderer.prompt_ids([Message("user", "hi")])
    tokens = [each.token for each in reported]
    with torch.inference_mode():
        logits = bare.model(torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1]
    expected = token_logprobs(logits, tokens, [4] * len(tokens))
    assert len(reported) >= 11
    for ours, theirs in zip(reported, expected, strict=True):
        assert theirs is not None
        assert ours.logprob == pytest.approx(theirs.logprob, abs=1e-4)
        assert [each[0] for each in ours.top] == [each[0] for each in theirs.top]


def test_a_grammar_does_not_change_them(tiny_model_folder: Path, tmp_path: Path) -> None:
    with running_engine(tiny_model_folder, AdapterFiles(tmp_path)) as engine:
        grammar = engine.grammar_compiler.compile(json_grammar({"const": "yes"}))
        params = SamplingParams(temperature=0, grammar=grammar, logprobs=1)
        deltas = asyncio.run(reply(engine, ("hi", params, None)))
    reported = logprobs_of(deltas)
    assert "".join(delta.text for delta in deltas) == '"yes"'
    assert deltas[-1].finish_reason == "stop"
    # The model would hardly have said this by itself, and the numbers show it.
    assert any(each.logprob < each.top[0][1] for each in reported)


def logprobs_of(deltas: list[TextDelta]) -> list[TokenLogprob]:
    return [each for delta in deltas for each in delta.logprobs]
