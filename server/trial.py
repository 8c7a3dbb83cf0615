"""Lets the scheduler ask the model that serves: how the base, or a candidate, really replies."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from adapters_store.files import AdapterFiles
from adapters_store.records import ServableAdapter
from feedback.records import Message
from scheduler.errors import TrainingCancelledError, TrainingFailedError
from server.engine.engine import Engine
from server.engine.errors import EngineOverloadedError, GenerationError
from server.engine.records import SamplingParams
from server.errand import ErrandCancelledError, ask

_ASKER = "trial"


class EngineReplier:
    """Greedy replies through the engine, among everybody's: a `scheduler.base_replies.Replier`.

    A quarter of the engine's rows stays free for the users.
    """

    def __init__(self, engine: Engine, files: AdapterFiles) -> None:
        self._engine = engine
        self._files = files

    def __call__(
        self,
        prompts: Sequence[str],
        adapter: Path | None,
        max_tokens: int,
        is_cancelled: Callable[[], bool],
    ) -> list[str]:
        """Reply to each prompt; blocks.

        Raises `TrainingCancelledError`, and `TrainingFailedError` where the engine failed or is
        too busy for a minute.
        """
        staged = self._files.staged(adapter) if adapter else None
        try:
            return asyncio.run(self._ask_all(prompts, staged, max_tokens, is_cancelled))
        except ErrandCancelledError as error:
            raise TrainingCancelledError("the run was told to end") from error
        except EngineOverloadedError as error:
            message = "the candidate could not be tried: the server is too busy"
            raise TrainingFailedError(message) from error
        except GenerationError as error:
            raise TrainingFailedError(f"the candidate could not be tried: {error}") from error

    async def _ask_all(
        self,
        prompts: Sequence[str],
        adapter: ServableAdapter | None,
        max_tokens: int,
        is_cancelled: Callable[[], bool],
    ) -> list[str]:
        rows = asyncio.Semaphore(max(1, self._engine.config.max_batch_size * 3 // 4))

        async def reply(prompt: str) -> str:
            async with rows:
                return await self._reply(prompt, adapter, max_tokens, is_cancelled)

        return await asyncio.gather(*map(reply, prompts))

    async def _reply(
        self,
        prompt: str,
        adapter: ServableAdapter | None,
        max_tokens: int,
        is_cancelled: Callable[[], bool],
    ) -> str:
        ids = self._engine.render([Message("user", prompt)])
        params = SamplingParams(temperature=0, max_tokens=max_tokens)
        answer = await ask(
            self._engine, ids, params, adapter, asker=_ASKER, is_cancelled=is_cancelled
        )
        return answer.text
