"""Lets the threads of several runs take turns at what they share."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scheduler.errors import TrainingCancelledError

_POLL = 0.1  # seconds


class Turns:
    """A lock that a cancelled run no longer waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def take(self, is_cancelled: Callable[[], bool]) -> Iterator[None]:
        """Wait for a turn, and have it for the block. Raises `TrainingCancelledError`."""
        while not self._lock.acquire(timeout=_POLL):
            if is_cancelled():
                raise TrainingCancelledError("the run was cancelled")
        try:
            yield
        finally:
            self._lock.release()
