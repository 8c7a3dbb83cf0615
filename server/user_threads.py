"""Threads that no user can take from the others."""

from collections.abc import Callable
from typing import TypeVar
from weakref import WeakValueDictionary

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from server.engine.errors import UserQueueFullError

T = TypeVar("T")


class UserThreads:
    """Runs functions in at most so many `threads`, of each user at most `per_user` at once.

    The others wait, and hold no thread; of each user `most_waiting`, or any number if that is None.
    Use it from one event loop.
    """

    def __init__(self, *, threads: int, per_user: int, most_waiting: int | None = None) -> None:
        self._threads = CapacityLimiter(threads)
        self._per_user = per_user
        self._most_waiting = most_waiting
        self._users: WeakValueDictionary[str, CapacityLimiter] = WeakValueDictionary()

    async def run(self, user: str, function: Callable[[], T]) -> T:
        """What the function returns or raises.

        Raises `UserQueueFullError` if as many as may wait do so.
        """
        own = self._users.setdefault(user, CapacityLimiter(self._per_user))
        waiting = own.statistics().tasks_waiting
        if self._most_waiting is not None and waiting >= self._most_waiting:
            raise UserQueueFullError("Too many of your requests are waiting. Try again shortly.")
        async with own:
            return await run_sync(function, limiter=self._threads)
