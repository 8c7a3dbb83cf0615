"""An engine that writes only as much as a test allows."""

import threading

import pytest

from tests.server.live import LiveServer
from tests.waiting import wait_until


class HeldEngine:
    """An engine that makes as many steps as it is allowed to."""

    def __init__(self, live: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self._permits = threading.Semaphore(0)
        self._is_free = threading.Event()
        self._engine = engine = live.local_engine
        step = engine.step

        def held_step() -> None:
            if not self._is_free.is_set():
                self._permits.acquire()
            step()

        monkeypatch.setattr(engine, "step", held_step)

    def allow(self, steps: int) -> None:
        """Let it make so many steps more."""
        self._permits.release(steps)

    def let_go(self) -> None:
        """Let it run freely."""
        self._is_free.set()
        self._permits.release()

    def finish(self) -> None:
        """Let it run freely, and wait until it has nothing to do."""
        self.let_go()
        wait_until(lambda: not self._engine.is_busy)
