"""The server's own questions to its engine: asked among everybody's, and never in a hurry."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters_store.records import ServableAdapter
from server.engine.errors import EngineOverloadedError
from server.engine.records import SamplingParams

if TYPE_CHECKING:
    from server.engine.engine import Engine

_BUSY_TRIES = 60
_BUSY_WAIT = 1.0  # seconds


class ErrandCancelledError(RuntimeError):
    """The answer is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole reply: its text, why it ended, and its tokens' log-probabilities if asked for."""

    text: str
    finish_reason: str
    logprobs: tuple[float, ...]

    @property
    def is_cut(self) -> bool:
        """Whether the length limit ended it."""
        return self.finish_reason == "length"


async def ask(
    engine: "Engine",
    prompt: Sequence[int],
    params: SamplingParams,
    adapter: ServableAdapter | None,
    *,
    asker: str,
    is_cancelled: Callable[[], bool],
) -> Answer:
    """One answer to a prompt of token ids. `asker` shares the rows as if it were one more user.

    Raises `ErrandCancelledError`, `EngineOverloadedError` where the engine is too busy for a
    minute, and what else the engine raises.
    """
    for tries_left in reversed(range(_BUSY_TRIES)):
        _check(is_cancelled)
        try:
            generation = engine.submit(prompt, params, adapter, user=asker)
            break
        except EngineOverloadedError:
            if not tries_left:
                raise
            await asyncio.sleep(_BUSY_WAIT)
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


def _check(is_cancelled: Callable[[], bool]) -> None:
    if is_cancelled():
        raise ErrandCancelledError("This is not wanted any more.")
