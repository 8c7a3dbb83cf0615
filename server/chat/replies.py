"""The replies to one request while they are written: all choices, merged as they come."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.chat.turn import Turn
from server.engine.generation import Generation
from server.engine.records import SamplingParams, TextDelta
from server.wire.responses import Json, logprob_json
from server.wire.tool_calls import ToolCall, ToolCallReader

if TYPE_CHECKING:
    from server.engine.engine import Engine


@dataclass(frozen=True, slots=True)
class ChoiceDelta:
    """New content of one choice, and its tokens' log-probabilities if they are wanted."""

    index: int
    content: str
    logprobs: list[Json] | None = None


@dataclass(slots=True)
class Choice:
    """One reply so far: `text` is all of it, `content` is the text without tool calls."""

    text: str = ""
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: list[Json] | None = None
    tokens: int = 0
    finish_reason: str | None = None


class Replies:
    """The choices of one turn, from admission to the end.

    Make it on the event loop, and always `cancel` it, even after the end.
    """

    def __init__(self, engine: "Engine", turn: Turn) -> None:
        """Queue every choice, or none. Raises `EngineOverloadedError`, `ContextOverflowError`."""
        self._token_bytes = turn.token_bytes
        self.choices = [
            Choice(logprobs=[] if self._token_bytes else None) for _ in range(turn.num_choices)
        ]
        self.first_text_at: float | None = None
        self._readers = [ToolCallReader() for _ in self.choices] if turn.has_tools else None
        self._tasks: list[asyncio.Task[None]] = []
        self._generations: list[Generation] = []
        user_id = turn.user.id if turn.user else ""
        try:
            for index in range(turn.num_choices):
                params = _for_choice(turn.params, index)
                self._generations.append(
                    engine.submit(turn.prompt_ids, params, turn.adapter, user=user_id)
                )
        except BaseException:
            self.cancel()
            raise

    @property
    def completion_tokens(self) -> int:
        """Tokens written so far, over all choices."""
        return sum(choice.tokens for choice in self.choices)

    @property
    def is_complete(self) -> bool:
        """Whether every choice has ended."""
        return all(choice.finish_reason for choice in self.choices)

    async def deltas(self, heartbeat: float) -> AsyncIterator[ChoiceDelta | None]:
        """Yield content as it comes, and None after every `heartbeat` seconds without any.

        Raises `GenerationError` if a choice fails.
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
            delta = self._apply(*item)
            if delta.content or delta.logprobs:
                yield delta

    def cancel(self) -> None:
        """Stop writing; the rows are free within one step. After the end it does nothing."""
        for generation in self._generations:
            generation.cancel()
        for task in self._tasks:
            task.cancel()

    def _apply(self, index: int, delta: TextDelta) -> ChoiceDelta:
        choice = self.choices[index]
        if delta.text and self.first_text_at is None:
            self.first_text_at = time.time()
        content, finish_reason = delta.text, delta.finish_reason
        if self._readers is not None:
            content = self._readers[index].push(delta.text)
            if finish_reason:
                rest, choice.tool_calls = self._readers[index].finish()
                content += rest
                finish_reason = "tool_calls" if choice.tool_calls else finish_reason
        choice.text += delta.text
        choice.content += content
        choice.tokens = delta.tokens
        choice.finish_reason = finish_reason
        if choice.logprobs is None or self._token_bytes is None:
            return ChoiceDelta(index, content)
        logprobs = [logprob_json(each, self._token_bytes) for each in delta.logprobs]
        choice.logprobs += logprobs
        return ChoiceDelta(index, content, logprobs)


async def _forward(
    index: int, generation: Generation, queue: asyncio.Queue[tuple[int, TextDelta] | Exception]
) -> None:
    try:
        async for delta in generation:
            queue.put_nowait((index, delta))
    except Exception as error:  # `deltas` raises it
        queue.put_nowait(error)


def _for_choice(params: SamplingParams, index: int) -> SamplingParams:
    """Give each choice its own seed, so that one seed does not give the same text n times."""
    if params.seed is None or index == 0:
        return params
    return replace(params, seed=params.seed + index)
