"""Requests to vLLM's `/v1/completions`, and what it answers. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from server.engine.records import SamplingParams, TokenLogprob
from server.engine.sequence import Sequence

Json = Mapping[str, Any]

# vLLM wants more than 0; of such a small share only the likeliest token is part.
_LEAST_TOP_P = 1e-6


@dataclass(frozen=True, slots=True)
class Written:
    """The tokens of one chunk, with their log-probabilities if asked for, and why it is the last.

    The end-of-turn token is one of them.
    """

    ids: tuple[int, ...]
    logprobs: tuple[TokenLogprob | None, ...]
    finish_reason: str | None


def can_continue(params: SamplingParams) -> bool:
    """Whether vLLM can go on with a reply that another server began.

    It is a part of the prompt then, which has no grammar, penalties or draws of a seed.
    """
    is_drawn_by_seed = params.seed is not None and params.temperature > 0
    has_penalties = params.frequency_penalty != 0 or params.presence_penalty != 0
    return params.grammar is None and not has_penalties and not is_drawn_by_seed


def completion_body(sequence: Sequence, model: str, eos_token_ids: Iterable[int]) -> dict[str, Any]:
    """The request for a reply, or for the rest of one. Nothing is left to vLLM's own defaults.

    Stop strings are not sent: `TextStream` ends the reply, as it does for the local engine.
    """
    params = sequence.params
    ignores_eos = params.ignore_eos and params.grammar is None
    body: dict[str, Any] = {
        "model": model,
        "prompt": list(sequence.tokens),
        "add_special_tokens": False,
        "stream": True,
        "return_token_ids": True,
        "max_tokens": params.max_tokens - len(sequence.output),
        "temperature": params.temperature,
        "top_p": max(params.top_p, _LEAST_TOP_P),
        "top_k": params.top_k,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "frequency_penalty": params.frequency_penalty,
        "presence_penalty": params.presence_penalty,
        "ignore_eos": ignores_eos,
        "stop_token_ids": [] if ignores_eos else sorted(eos_token_ids),
    }
    if params.seed is not None:
        body["seed"] = params.seed
    if params.logit_bias:
        body["logit_bias"] = {str(token): bias for token, bias in params.logit_bias.items()}
    if params.logprobs is not None:
        body["logprobs"] = params.logprobs
        body["return_tokens_as_token_ids"] = True
    if params.grammar is not None:
        body["structured_outputs"] = {"grammar": params.grammar.source}
    if sequence.prefix_scope and sequence.adapter is None:
        body["cache_salt"] = sequence.prefix_scope
    return body


def scoring_body(prompt_ids: Iterable[int], num_top: int, model: str) -> dict[str, Any]:
    """The request for what the model says of a text that is given to its end."""
    return {
        "model": model,
        "prompt": list(prompt_ids),
        "add_special_tokens": False,
        "prompt_logprobs": num_top,
        "max_tokens": 1,  # the least
        "temperature": 0.0,
    }


def written(chunk: Json, num_top: int | None) -> Written:
    """What one event of a stream brings. Raises `LookupError`, `ValueError` for another shape."""
    choices = chunk["choices"]
    if not choices:
        return Written((), (), None)
    [choice] = choices
    ids = tuple(choice.get("token_ids") or ())
    if num_top is None:
        return Written(ids, (None,) * len(ids), choice.get("finish_reason"))
    told = choice["logprobs"]
    values = zip(ids, told["token_logprobs"], told["top_logprobs"], strict=True)
    return Written(
        ids,
        tuple(
            TokenLogprob(
                token,
                _number(value),
                _likeliest(((_token(name), v) for name, v in top.items()), num_top),
            )
            for token, value, top in values
        ),
        choice.get("finish_reason"),
    )


def scores(answer: Json, scored: Iterable[int], num_top: int) -> tuple[TokenLogprob, ...]:
    """The log-probabilities of the tokens that end the text of a `scoring_body`.

    Raises `LookupError`, `ValueError` for another shape.
    """
    tokens = tuple(scored)
    [choice] = answer["choices"]
    places = choice["prompt_logprobs"][-len(tokens) :]
    found = []
    for token, told in zip(tokens, places, strict=True):
        values = ((int(each), value["logprob"]) for each, value in told.items())
        found.append(
            TokenLogprob(token, _number(told[str(token)]["logprob"]), _likeliest(values, num_top))
        )
    return tuple(found)


def _token(name: str) -> int:
    """The id in `token_id:123`."""
    return int(name.removeprefix("token_id:"))


def _number(value: float | None) -> float:
    """JSON has no word for what is not a number."""
    return math.nan if value is None else float(value)


def _likeliest(
    values: Iterable[tuple[int, float | None]], num_top: int
) -> tuple[tuple[int, float], ...]:
    """vLLM adds the token itself if it is not one of the likeliest."""
    numbers = [(token, _number(value)) for token, value in values]
    return tuple(sorted(numbers, key=lambda each: -each[1])[:num_top])
