from dataclasses import replace
from math import isnan
from typing import Any

import pytest
from tokenizers import Tokenizer, models

from server.engine.detokenizer import TextStream
from server.engine.records import SamplingParams, TokenLogprob
from server.engine.sequence import Sequence
from server.engine.vllm.wire import Written, can_continue, completion_body, scores, written

TOKENIZER = Tokenizer(models.BPE())
PARAMS = SamplingParams(temperature=0.5, top_p=0.9, top_k=7, max_tokens=9)
EOS = (2, 0)


def body(params: SamplingParams = PARAMS, scope: str | None = None) -> dict[str, object]:
    text = TextStream(TOKENIZER, ())
    sequence = Sequence((5, 6), params, "ann", None, text, lambda _: None, prefix_scope=scope)
    return completion_body(sequence, "base", EOS)


def test_token_ids_and_every_sampling_parameter_are_sent() -> None:
    sent = body()
    assert (sent["prompt"], sent["add_special_tokens"]) == ([5, 6], False)
    names = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_tokens")
    assert [sent[name] for name in names] == [0.5, 0.9, 7, 0.0, 1.0, 9]
    assert sent["stop_token_ids"] == [0, 2]


def test_the_rest_of_a_reply_comes_after_what_was_written() -> None:
    sequence = Sequence((5, 6), PARAMS, "ann", None, TextStream(TOKENIZER, ()), lambda _: None)
    sequence.output = [7, 8]
    sent = completion_body(sequence, "base", EOS)
    assert (sent["prompt"], sent["max_tokens"]) == ([5, 6, 7, 8], 7)


@pytest.mark.parametrize(
    ("changes", "can"),
    [
        ({}, True),
        ({"seed": 1}, False),
        ({"seed": 1, "temperature": 0.0}, True),
        ({"frequency_penalty": 0.5}, False),
        ({"presence_penalty": -0.5}, False),
        ({"grammar": object()}, False),
    ],
)
def test_a_part_of_a_reply_has_no_draws_penalties_or_grammar(
    changes: dict[str, Any], can: bool
) -> None:
    assert can_continue(replace(PARAMS, **changes)) is can


def test_what_a_request_does_not_want_is_not_sent() -> None:
    assert not {"seed", "logit_bias", "logprobs", "structured_outputs", "cache_salt"} & {*body()}


def test_a_share_of_nothing_leaves_the_likeliest_token() -> None:
    assert 0 < float(str(body(replace(PARAMS, top_p=0.0))["top_p"])) < 1e-3


def test_stop_strings_stay_here() -> None:
    assert "stop" not in body(replace(PARAMS, stop=("a",)))


def test_without_an_end_of_turn_no_token_stops() -> None:
    sent = body(replace(PARAMS, ignore_eos=True))
    assert (sent["ignore_eos"], sent["stop_token_ids"]) == (True, [])


def test_biases_have_their_tokens_as_text() -> None:
    assert body(replace(PARAMS, logit_bias={3: -1.5}))["logit_bias"] == {"3": -1.5}


def test_the_base_shares_prompts_within_a_scope() -> None:
    assert body(scope="user ann")["cache_salt"] == "user ann"


def test_a_chunk_without_a_choice_brings_nothing() -> None:
    assert written({"choices": [], "usage": {}}, None) == Written((), (), None)


def test_the_token_itself_is_not_among_the_likeliest_if_it_is_not() -> None:
    told = {
        "token_logprobs": [-4.0],
        "top_logprobs": [{"token_id:9": -4.0, "token_id:1": -0.5, "token_id:2": -1.0}],
    }
    chunk = {"choices": [{"token_ids": [9], "logprobs": told, "finish_reason": None}]}
    [found] = written(chunk, 2).logprobs
    assert found == TokenLogprob(9, -4.0, ((1, -0.5), (2, -1.0)))


def test_scores_are_those_of_the_last_tokens() -> None:
    places = [None, {"7": {"logprob": -1.0}}, {"8": {"logprob": -2.0}, "3": {"logprob": -0.1}}]
    answer = {"choices": [{"prompt_logprobs": places}]}
    assert scores(answer, [8], 1) == (TokenLogprob(8, -2.0, ((3, -0.1),)),)


def test_an_overflow_is_not_a_number() -> None:
    answer = {"choices": [{"prompt_logprobs": [{"8": {"logprob": None}}]}]}
    assert isnan(scores(answer, [8], 0)[0].logprob)
