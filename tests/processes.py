"""The processes that a test or a benchmark has started. Linux only."""

import os
from collections.abc import Callable
from pathlib import Path


def children(pid: int | None = None) -> list[int]:
    """The processes that this one, or `pid`, started and has not waited for."""
    files = Path(f"/proc/{pid or os.getpid()}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text(encoding="utf-8").split()]


def newer_children() -> Callable[[], list[int]]:
    """A function that gives the children that this process has started since now.

    Browsers of other tests and the like may still run.
    """
    others = set(children())
    return lambda: [child for child in children() if child not in others]
