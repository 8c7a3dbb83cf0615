"""Asks the engine many things at once on nobody's behalf, and leaves room for the users."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from adapters_store.records import ServableAdapter
from scheduler.errors import TrainingCancelledError, TrainingFailedError
from server.engine.engine import Engine
from server.engine.errors import EngineOverloadedError, GenerationError
from server.engine.records import SamplingParams
from server.errand import Answer, ErrandCancelledError, ask

_ASKER = "trial"  # shares the rows with the users as if it were one more


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt's token ids, and how to reply to it."""

    prompt: tuple[int, ...]
    params: SamplingParams


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
    except ErrandCancelledError as error:
        raise TrainingCancelledError("the run was told to end") from error
    except EngineOverloadedError as error:
        message = "the adapter could not be tried: the server is too busy"
        raise TrainingFailedError(message) from error
    except GenerationError as error:
        raise TrainingFailedError(f"the adapter could not be tried: {error}") from error


async def _ask_all(
    engine: Engine,
    requests: Iterable[Request],
    adapter: ServableAdapter | None,
    is_cancelled: Callable[[], bool],
) -> list[Answer]:
    rows = asyncio.Semaphore(max(1, engine.config.max_batch_size * 3 // 4))

    async def answer(request: Request) -> Answer:
        async with rows:
            return await ask(
                engine,
                request.prompt,
                request.params,
                adapter,
                asker=_ASKER,
                is_cancelled=is_cancelled,
            )

    return await asyncio.gather(*map(answer, requests))
