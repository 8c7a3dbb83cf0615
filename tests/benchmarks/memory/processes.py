"""The memory of a process as Linux counts it, and its peaks while something runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import children

_INTERVAL = 0.2  # seconds; looking stops the process for some milliseconds
_PRIVATE = ("Private_Clean:", "Private_Dirty:")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one process.

    `private` are the pages that only it has. `proportional` adds its share of the pages that it has
    in common with others: each of n processes counts one n-th.
    """

    private: int
    proportional: int


def memory_of(pid: int) -> Memory:
    """The memory of a process now. Raises `OSError` if it has ended."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    sizes = {name: int(size) << 10 for name, size, *_ in map(str.split, lines[1:])}
    return Memory(sum(sizes[name] for name in _PRIVATE), sizes["Pss:"])


class Peaks:
    """The highest memory of the children, by the phase that they are in."""

    def __init__(self) -> None:
        self.phase = "start"
        self.highest: dict[str, Memory] = {}

    def sample(self) -> None:
        """Look at the children once."""
        for pid in children():
            try:
                memory = memory_of(pid)
            except (OSError, ValueError, KeyError):
                continue  # it has just ended
            known = self.highest.get(self.phase, memory)
            self.highest[self.phase] = Memory(
                max(known.private, memory.private), max(known.proportional, memory.proportional)
            )

    @property
    def private(self) -> int:
        """The highest private memory of all phases, in bytes."""
        return max(memory.private for memory in self.highest.values())


@contextmanager
def watch_children() -> Iterator[Peaks]:
    """Look at the children's memory five times a second within a `with`."""
    peaks, ended = Peaks(), threading.Event()

    def watch() -> None:
        while not ended.wait(_INTERVAL):
            peaks.sample()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        ended.set()
        watcher.join()
