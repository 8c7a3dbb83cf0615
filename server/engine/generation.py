"""One reply, as its reader sees it."""

import asyncio
from collections.abc import AsyncIterator, Callable

from server.engine.records import Event, TextDelta


class Generation:
    """One reply being written, for the event loop that submitted it: iterate over its text."""

    def __init__(self, cancel: Callable[[], None], events: asyncio.Queue[Event]) -> None:
        self._cancel = cancel
        self._events = events

    async def __aiter__(self) -> AsyncIterator[TextDelta]:
        """Yield text as it comes; the last delta has a finish reason. Raises `GenerationError`."""
        while True:
            event = await self._events.get()
            if isinstance(event, Exception):
                raise event
            yield event
            if event.finish_reason:
                return

    def cancel(self) -> None:
        """Stop writing; the row is free within one step. After the end it does nothing."""
        self._cancel()
