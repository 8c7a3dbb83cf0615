"""The benchmark's command line."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.gate.kinds import Group

FEEDBACK = 20


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options; None reads the process's own arguments."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_gate")
    parser.add_argument("--limit", type=int, help="adapters to train now; 0 only writes the report")
    parser.add_argument("--groups", type=_groups, default=tuple(Group), help="null,harmful,good")
    parser.add_argument("--part", type=_part, default=(1, 1), help="2/8: the second of eight")
    parser.add_argument("--feedback", type=int, default=FEEDBACK, help="items per adapter")
    parser.add_argument("--results", type=Path, default=Path("bench-results"), help="a folder")
    parser.add_argument("--no-write", action="store_true", help="leave docs/ alone")
    return parser.parse_args(arguments)


def _part(text: str) -> tuple[int, int]:
    """Several machines, or processes with a folder of results each, can share the work."""
    number, parts = (int(each) for each in text.split("/"))
    if not 1 <= number <= parts:
        raise ValueError(text)
    return number, parts


def _groups(names: str) -> tuple[Group, ...]:
    return tuple(Group(name) for name in names.split(","))
