"""Waiting for what happens on another thread."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60


def wait_until(condition: Callable[[], object]) -> None:
    """Return once the condition holds. Raises `AssertionError` after a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
