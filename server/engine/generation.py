"""One reply, as its reader sees it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from server.engine.records import Event, TextDelta


def event_queue() -> tuple[asyncio.Queue[Event], Callable[[Event], None]]:
    """A queue for the running event loop, and what puts events into it from any thread."""
    loop = asyncio.get_running_loop()
    events: asyncio.Queue[Event] = asyncio.Queue()

    def send(event: Event) -> None:
        with contextlib.suppress(RuntimeError):  # the client's loop has ended
            loop.call_soon_threadsafe(events.put_nowait, event)

    return events, send


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
