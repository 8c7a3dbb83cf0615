"""What ten million users would take, 1 % of them active at once: a simulation.

    python -m tests.benchmarks.bench_scaling [--no-write]

Nothing here serves anybody. The figures that it multiplies are in
`tests/benchmarks/scaling/constants.py`, each with where it was measured; what nobody can measure
before is an assumption. The same numbers come out every time.
"""

import sys
from dataclasses import replace
from math import ceil

from tests.benchmarks.report import PAGE, markdown_table, write_section
from tests.benchmarks.scaling.cache import hit_rate, requests
from tests.benchmarks.scaling.constants import (
    ADAPTER_BYTES,
    COMMITS_A_SECOND,
    COPY_BYTES_A_SECOND,
    FETCH_SECONDS,
    LOAD_SECONDS,
    MB,
    REPLY_TOKENS,
    TOKENS_A_SECOND,
    TRAINING_ALONE,
    TRAINING_ON_CPU,
    TRAINING_SHARED,
    Assumptions,
)
from tests.benchmarks.scaling.database import bytes_a_turn

SCALING = PAGE.with_name("scaling.md")
CACHES = (512, 4_096, 16_384, 65_536)
SKEWS = (0.0, 0.6, 0.8, 1.0)
SHARES_DUE = (0.005, 0.01, 0.05)
GB, TB = 1_000 * MB, 1_000_000 * MB
DAY = 86_400


class Cells:
    """One GPU a cell, as many cells as the turns need."""

    def __init__(self, given: Assumptions) -> None:
        self.given = given
        self.active = given.users * given.active_share
        self.turns = self.active / given.seconds_between_turns
        self.turns_of_one = TOKENS_A_SECOND * given.load / REPLY_TOKENS
        self.count = ceil(self.turns / self.turns_of_one)
        self.users = ceil(given.users / self.count)
        self.turns_each = self.turns / self.count

    @property
    def writes_each(self) -> float:
        """Commits a second: the turn, when the user was last seen, and feedback."""
        return self.turns_each * (2 + self.given.feedback_a_turn)

    @property
    def adapters_each(self) -> float:
        """The bytes of the adapters of one cell."""
        given = self.given
        return self.users * given.with_adapter * given.versions_each * ADAPTER_BYTES


def main() -> None:
    """Compute, print and write all tables."""
    cells = Cells(Assumptions())
    tables = {
        "cells": cells_table(cells),
        "caches": caches_table(cells),
        "trainings": trainings_table(cells),
        "failure": failure_table(cells),
    }
    for name, text in tables.items():
        print(f"{text}\n")
        if "--no-write" not in sys.argv:
            write_section(name, text, page=SCALING)


def cells_table(cells: Cells) -> str:
    """How many cells, and what each holds and writes."""
    given, turn = cells.given, bytes_a_turn()
    stored = cells.turns_each * DAY * given.mean_of_peak * turn
    rows = [
        ("users; active at once", f"{given.users:,}; {cells.active:,.0f}"),
        ("turns a second", f"{cells.turns:,.0f}"),
        ("turns a second of one GPU", f"{cells.turns_of_one:.1f}"),
        ("cells, one GPU each", f"{cells.count}"),
        ("users of a cell", f"{cells.users:,}"),
        ("commits a second of a cell", f"{cells.writes_each:.0f} of {COMMITS_A_SECOND}"),
        ("bytes of a turn in the database, with a rating", f"{turn:,.0f}"),
        ("growth of a cell's database a day", f"{stored / GB:.1f} GB"),
        ("one adapter", f"{ADAPTER_BYTES / MB:.1f} MB"),
        ("adapters of a cell", f"{cells.adapters_each / TB:.2f} TB"),
        ("adapters of all cells", f"{cells.adapters_each * cells.count / TB:.0f} TB"),
    ]
    return markdown_table(("figure", "value"), rows)


def caches_table(cells: Cells) -> str:
    """How often an adapter is in memory, by the cache's size and the skew of the traffic."""
    streams = [requests(cells.users, zipf, cells.given, seed=1) for zipf in SKEWS]
    rows = []
    for size in CACHES:
        places = size * 2**20 // ADAPTER_BYTES
        rates = [hit_rate(stream, places) for stream in streams]
        at = SKEWS.index(cells.given.zipf)
        loads = (1 - rates[at]) * cells.turns_each
        busy = loads * LOAD_SECONDS
        cells_of = [f"{rate:.2f}" for rate in rates]
        rows.append((f"{size:,} MB", f"{places:,}", *cells_of, f"{loads:.1f}", f"{busy:.1%}"))
    heading = (
        *("`adapter_cache_mb`", "adapters", "uniform", *(f"Zipf {each}" for each in SKEWS[1:])),
        *("loads/s of a cell", "of a thread's time"),
    )
    return markdown_table(heading, rows)


def trainings_table(cells: Cells) -> str:
    """Device hours of a night, by how many users are due."""
    rows = []
    for share in SHARES_DUE:
        trainings = cells.given.users * share
        hours = [
            trainings * each / 3600 for each in (TRAINING_SHARED, TRAINING_ALONE, TRAINING_ON_CPU)
        ]
        there = cells.count * cells.given.night_hours
        rows.append(
            (
                *(f"{share:.1%}", f"{trainings:,.0f}"),
                *(f"{each:,.0f}" for each in hours),
                f"{hours[0] / there:.0%}, {hours[1] / there:.0%}",
            )
        )
    heading = (
        *("users due", "trainings", "GPU hours, 15 at once", "GPU hours, one by one"),
        *("hours on two cores", "of the cells' own night"),
    )
    return markdown_table(heading, rows)


def failure_table(cells: Cells) -> str:
    """What the loss of one cell means."""
    given = cells.given
    local = cells.adapters_each / COPY_BYTES_A_SECOND
    in_use = cells.users * given.active_share * given.with_adapter * ADAPTER_BYTES
    fetches = cells.turns_each * given.with_adapter
    feedback = cells.turns_each * given.feedback_a_turn * DAY * given.mean_of_peak
    rows = [
        ("users without answers", f"{cells.users:,} of {given.users:,} ({1 / cells.count:.1%})"),
        ("turns refused a second", f"{cells.turns_each:.0f}"),
        ("feedback of a day, since the backup of last night", f"{feedback:,.0f}"),
        ("copying all adapters back", f"{local / 60:.0f} minutes"),
        ("copying those of active users", f"{in_use / COPY_BYTES_A_SECOND:.0f} s"),
        (
            "fetching them one by one, at first use",
            f"{fetches:.1f}/s, {FETCH_SECONDS:.2f} s each",
        ),
    ]
    smaller = Cells(replace(given, users=given.users // 10))
    rows.append(("the same share with a tenth of the users", f"{1 / smaller.count:.1%}"))
    return markdown_table(("figure", "value"), rows)


if __name__ == "__main__":
    main()
