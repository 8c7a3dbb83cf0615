"""The replies to one request while they are written: all choices, merged as they come."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.chat.reasoning import ReasoningSplitter
from server.chat.turn import Turn
from server.engine.generation import Generation
from server.engine.records import SamplingParams, TextDelta
from server.wire.responses import Json, logprob_json
from server.wire.tool_calls import ToolCall, ToolCallReader, write

if TYPE_CHECKING:
    from server.engine.interface import Engine


@dataclass(frozen=True, slots=True)
class ChoiceDelta:
    """New content, reasoning or calls of one choice, and the log-probabilities of the content's
    tokens if they are wanted. `first_call` is the number of calls before these."""

    index: int
    content: str
    logprobs: list[Json] | None = None
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    first_call: int = 0


@dataclass(slots=True)
class Choice:
    """One reply so far: `text` is all of it but its `reasoning`, `content` is the text without tool
    calls. `tokens` counts all, `reasoning_tokens` the reasoning."""

    text: str = ""
    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: list[Json] | None = None
    tokens: int = 0
    reasoning_tokens: int = 0
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
        self._splitters = (
            [ReasoningSplitter(begins_inside=turn.begins_in_reasoning) for _ in self.choices]
            if turn.thinks
            else None
        )
        allowed = turn.calls
        self._readers = [ToolCallReader(allowed) for _ in self.choices] if allowed else None
        self._tasks: list[asyncio.Task[None]] = []
        self._generations: list[Generation] = []
        user_id = turn.user.id if turn.user else ""
        try:
            for index in range(turn.num_choices):
                params = _for_choice(turn.params, index)
                self._generations.append(
                    engine.submit(
                        turn.prompt_ids,
                        params,
                        turn.served,
                        user=user_id,
                        prefix_scope=turn.prefix_scope,
                        unconditional_ids=turn.unguided_ids,
                    )
                )
        except BaseException:
            self.cancel()
            raise

    @property
    def completion_tokens(self) -> int:
        """Tokens written so far, over all choices."""
        return sum(choice.tokens for choice in self.choices)

    @property
    def reasoning_tokens(self) -> int:
        """How many of them are reasoning."""
        return sum(choice.reasoning_tokens for choice in self.choices)

    @property
    def is_complete(self) -> bool:
        """Whether every choice has ended."""
        return all(choice.finish_reason for choice in self.choices)

    async def deltas(self, heartbeat: float) -> AsyncIterator[ChoiceDelta | None]:
        """Yield new text as it comes, and None after every `heartbeat` seconds without any.

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
            if delta.content or delta.reasoning or delta.logprobs or delta.tool_calls:
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
        reasoning = ""
        if self._splitters is not None:
            reasoning, delta = self._splitters[index].split(delta)
            choice.reasoning += reasoning
            choice.reasoning_tokens = self._splitters[index].tokens
        content, finish_reason = delta.text, delta.finish_reason
        calls: tuple[ToolCall, ...] = ()
        if self._readers is not None:
            content, calls = self._readers[index].push(delta.text)
            if finish_reason:
                rest, more = self._readers[index].finish()
                content, calls = content + rest, calls + more
        first_call = len(choice.tool_calls)
        choice.tool_calls += calls
        choice.text += delta.text
        choice.content += content
        if finish_reason and choice.tool_calls:
            # The one form in which stored calls are read, whatever the model's own.
            choice.text = write(choice.content, choice.tool_calls)
            finish_reason = "tool_calls"
        choice.tokens = delta.tokens
        choice.finish_reason = finish_reason
        if choice.logprobs is None or self._token_bytes is None:
            return ChoiceDelta(index, content, None, reasoning, calls, first_call)
        logprobs = [logprob_json(each, self._token_bytes) for each in delta.logprobs]
        choice.logprobs += logprobs
        return ChoiceDelta(index, content, logprobs, reasoning, calls, first_call)


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
