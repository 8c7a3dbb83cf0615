"""Asks the engine many things at once on nobody's behalf, and leaves room for the users."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from adapters_store.records import ServableAdapter
from scheduler.errors import TrainingCancelledError, TrainingFailedError
from server.engine.engine import Engine
from server.engine.errors import EngineOverloadedError, GenerationError
from server.engine.records import SamplingParams

_BUSY_TRIES = 60
_BUSY_WAIT = 1.0  # seconds
_ASKER = "trial"  # shares the rows with the users as if it were one more


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt's token ids, and how to reply to it."""

    prompt: tuple[int, ...]
    params: SamplingParams


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole reply: its text, why it ended, and its tokens' log-probabilities if asked for."""

    text: str
    finish_reason: str
    logprobs: tuple[float, ...]


def ask_all(
    engine: Engine,
    requests: Iterable[Request],
    adapter: ServableAdapter | None,
    is_cancelled: Callable[[], bool],
) -> list[Answer]:
    """Ask the base or an adapter; blocks. A quarter of the engine's rows stays free for the users.

    Raises `TrainingCancelledError`, and `TrainingFailedError` where the engine failed or is too
    busy for a minute.
    """
    try:
        return asyncio.run(_ask_all(engine, requests, adapter, is_cancelled))
    except GenerationError as error:
        raise TrainingFailedError(f"the adapter could not be tried: {error}") from error


async def _ask_all(
    engine: Engine,
    requests: Iterable[Request],
    adapter: ServableAdapter | None,
    is_cancelled: Callable[[], bool],
) -> list[Answer]:
    rows = asyncio.Semaphore(max(1, engine.config.max_batch_size * 3 // 4))

    async def ask(request: Request) -> Answer:
        async with rows:
            return await _ask(engine, request, adapter, is_cancelled)

    return await asyncio.gather(*map(ask, requests))


async def _ask(
    engine: Engine,
    request: Request,
    adapter: ServableAdapter | None,
    is_cancelled: Callable[[], bool],
) -> Answer:
    for _ in range(_BUSY_TRIES):
        _check(is_cancelled)
        try:
            generation = engine.submit(request.prompt, request.params, adapter, user=_ASKER)
        except EngineOverloadedError:
            await asyncio.sleep(_BUSY_WAIT)
            continue
        deltas = []
        try:
            async for delta in generation:
                _check(is_cancelled)
                deltas.append(delta)
        finally:
            generation.cancel()
        return Answer(
            text="".join(delta.text for delta in deltas),
            finish_reason=deltas[-1].finish_reason or "",
            logprobs=tuple(each.logprob for delta in deltas for each in delta.logprobs),
        )
    raise TrainingFailedError("the adapter could not be tried: the server is too busy")


def _check(is_cancelled: Callable[[], bool]) -> None:
    if is_cancelled():
        raise TrainingCancelledError("the run was told to end")
