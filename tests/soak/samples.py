"""What a server holds at one moment, and whether it holds ever more.

The first third of a soak warms up: caches fill, the first adapters are loaded, the first exchanges
expire. In the rest nothing may grow by more than 1 %. Compared are the median of that rest's first
quarter and the median of its last, so single peaks do not count. Of open files two more are
allowed, because a training may hold some at the moment of a sample.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from server.data_folder import DATABASE_FILE
from server.storage.checks import open_to_read

MAX_GROWTH = 0.01
SPARE_FILES = 2


@dataclass(frozen=True)
class Sample:
    """One moment: bytes that are resident without the children, open files, bytes of the file.

    `exchanges` are those that are stored: if expiry works, about as many at any time.
    """

    memory: int
    open_files: int
    database: int
    exchanges: int


def take_sample(pid: int, data: Path) -> Sample:
    """What a server holds now. Raises `OSError` if it has ended, and `sqlite3.Error`."""
    process = Path(f"/proc/{pid}")
    with open_to_read(data / DATABASE_FILE) as connection:
        (exchanges,) = connection.execute("SELECT count(*) FROM interactions").fetchone()
    pages = int((process / "statm").read_text(encoding="ascii").split()[1])
    return Sample(
        memory=pages * os.sysconf("SC_PAGE_SIZE"),
        open_files=len(list((process / "fd").iterdir())),
        database=(data / DATABASE_FILE).stat().st_size,
        exchanges=exchanges,
    )


def growths(samples: Sequence[Sample]) -> list[str]:
    """A sentence for each of the three that grew too much."""
    found = (
        _growth("memory", [each.memory for each in samples]),
        _growth("open files", [each.open_files for each in samples], SPARE_FILES),
        _growth("the database", [each.database for each in samples]),
    )
    return [each for each in found if each is not None]


def _growth(name: str, values: Sequence[int], spare: int = 0) -> str | None:
    before, after = first_and_last(values, median)
    if after <= before * (1 + MAX_GROWTH) or after <= before + spare:
        return None
    return f"{name} grew by {after / before - 1:.1%}, from {before:,.0f} to {after:,.0f}"


def first_and_last(
    values: Sequence[int], middle: Callable[[Sequence[int]], float]
) -> tuple[float, float]:
    """The middle of the first and of the last quarter of the last two thirds."""
    rest = values[len(values) // 3 :]
    size = max(1, len(rest) // 4)
    return middle(rest[:size]), middle(rest[-size:])
