"""Submits the server's own generation requests to the engine, and waits for its turn."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters_store.records import ServableAdapter
from scheduler.errors import TrainingCancelledError, TrainingFailedError
from server.engine.errors import EngineOverloadedError, GenerationError
from server.engine.records import SamplingParams, TokenLogprob

if TYPE_CHECKING:
    from server.engine.generation import Generation
    from server.engine.interface import Engine

SCORING = SamplingParams(temperature=0, logprobs=0)
_CALLER = "scheduler"  # counted like a user
_BUSY_TRIES = 60
_BUSY_WAIT = 1.0  # seconds
_CANCEL_POLL = 0.1  # seconds; a reply may wait long for its first token


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole reply: its text without reasoning, why it ended, and its tokens' log-probabilities
    if asked for."""

    text: str
    finish_reason: str
    logprobs: tuple[TokenLogprob, ...]

    @property
    def is_truncated(self) -> bool:
        """Whether the length limit ended it."""
        return self.finish_reason == "length"


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt's token ids, and how to sample the reply. `scored` is a reply to score instead."""

    prompt_ids: tuple[int, ...]
    params: SamplingParams = SCORING
    scored: tuple[int, ...] = ()


async def _ask(
    engine: "Engine",
    request: Request,
    adapter: ServableAdapter | None,
) -> Answer:
    """One answer to a request, made while no user's reply is.

    Raises `EngineOverloadedError` if the engine is too busy for a minute, and what else the engine
    raises.
    """
    for tries_left in reversed(range(_BUSY_TRIES)):
        try:
            generation = _begin(engine, request, adapter)
            break
        except EngineOverloadedError:
            if not tries_left:
                raise
            await asyncio.sleep(_BUSY_WAIT)
    deltas = []
    try:
        async for delta in generation:
            deltas.append(delta)
    finally:
        generation.cancel()
    text = "".join(delta.text for delta in deltas)
    return Answer(
        text=engine.renderer.without_reasoning(text),
        finish_reason=deltas[-1].finish_reason or "",
        logprobs=tuple(each for delta in deltas for each in delta.logprobs),
    )


def _begin(engine: "Engine", request: Request, adapter: ServableAdapter | None) -> "Generation":
    ids, params, scored = request.prompt_ids, request.params, request.scored
    if not scored:
        return engine.submit(ids, params, adapter, user=_CALLER, is_background=True)
    num_top = params.logprobs or 0
    return engine.score(ids, scored, adapter, user=_CALLER, num_top=num_top, is_background=True)


def ask_all(
    engine: "Engine",
    requests: Iterable[Request],
    adapter: ServableAdapter | None,
    is_cancelled: Callable[[], bool],
) -> list[Answer]:
    """The answers of the base or an adapter; blocks. A quarter of the rows stays free for users.

    Raises `TrainingCancelledError`, and `TrainingFailedError` if the engine fails or is too busy
    for a minute.
    """
    try:
        return asyncio.run(_ask_all(engine, requests, adapter, is_cancelled))
    except EngineOverloadedError as error:
        message = "the adapter could not be tried: the server is too busy, try again later"
        raise TrainingFailedError(message) from error
    except GenerationError as error:
        raise TrainingFailedError(f"the adapter could not be tried: {error}") from error


async def _ask_all(
    engine: "Engine",
    requests: Iterable[Request],
    adapter: ServableAdapter | None,
    is_cancelled: Callable[[], bool],
) -> list[Answer]:
    rows = asyncio.Semaphore(max(1, engine.max_batch_size * 3 // 4))

    async def answer(request: Request) -> Answer:
        async with rows:
            return await _ask(engine, request, adapter)

    answers = asyncio.gather(*map(answer, requests))
    while not answers.done():
        if is_cancelled():
            answers.cancel()
            with suppress(asyncio.CancelledError):
                await answers
            raise TrainingCancelledError("the run was cancelled")
        await asyncio.wait([answers], timeout=_CANCEL_POLL)
    return answers.result()
