"""The replies to one request while they are written: all choices, merged in the order they come."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.api.turn import Turn
from server.engine.generation import Generation
from server.engine.records import SamplingParams, TextDelta

if TYPE_CHECKING:
    from server.engine.engine import Engine


@dataclass(frozen=True, slots=True)
class ChoiceDelta:
    """New text of one choice."""

    index: int
    text: str


class Replies:
    """The choices of one turn, from admission to the end.

    Made on the event loop. Whoever makes one must `cancel` it, also after the end.
    """

    def __init__(self, engine: "Engine", turn: Turn) -> None:
        """Queue every choice, or none.

        Raises `EngineOverloadedError`, `ContextOverflowError`.
        """
        self.texts = [""] * turn.num_choices
        self.finish_reasons: list[str | None] = [None] * turn.num_choices
        self.first_text_at: float | None = None
        self._tokens = [0] * turn.num_choices
        self._tasks: list[asyncio.Task[None]] = []
        self._generations: list[Generation] = []
        try:
            for index in range(turn.num_choices):
                params = _for_choice(turn.params, index)
                self._generations.append(
                    engine.submit(
                        turn.prompt, params, turn.adapter, user=turn.user.id if turn.user else ""
                    )
                )
        except BaseException:
            self.cancel()
            raise

    @property
    def completion_tokens(self) -> int:
        """Tokens written so far, over all choices."""
        return sum(self._tokens)

    @property
    def is_complete(self) -> bool:
        """Whether every choice has ended by itself."""
        return all(self.finish_reasons)

    async def deltas(self, heartbeat: float) -> AsyncIterator[ChoiceDelta | None]:
        """Yield new text as it comes, and None after every `heartbeat` seconds without any.

        Raises `GenerationError` where a choice failed.
        """
        queue: asyncio.Queue[tuple[int, TextDelta] | Exception] = asyncio.Queue()
        self._tasks = [
            asyncio.create_task(_forward(index, generation, queue))
            for index, generation in enumerate(self._generations)
        ]
        while not self.is_complete:
            try:
                async with asyncio.timeout(heartbeat):
                    item = await queue.get()
            except TimeoutError:
                yield None
                continue
            if isinstance(item, Exception):
                raise item
            index, delta = item
            self._note(index, delta)
            if delta.text:
                yield ChoiceDelta(index, delta.text)

    def cancel(self) -> None:
        """Stop writing; the rows are free within one step. Harmless after the end."""
        for generation in self._generations:
            generation.cancel()
        for task in self._tasks:
            task.cancel()

    def _note(self, index: int, delta: TextDelta) -> None:
        if delta.text and self.first_text_at is None:
            self.first_text_at = time.time()
        self.texts[index] += delta.text
        self._tokens[index] = delta.tokens
        self.finish_reasons[index] = delta.finish_reason


async def _forward(
    index: int, generation: Generation, queue: asyncio.Queue[tuple[int, TextDelta] | Exception]
) -> None:
    try:
        async for delta in generation:
            queue.put_nowait((index, delta))
    except Exception as error:  # it is raised where the replies are read
        queue.put_nowait(error)


def _for_choice(params: SamplingParams, index: int) -> SamplingParams:
    """Give each choice its own randomness: the same seed must not give the same text n times."""
    if params.seed is None or index == 0:
        return params
    return replace(params, seed=params.seed + index)
