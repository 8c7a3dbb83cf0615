"""The benchmark's command line."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tests.benchmarks.learning.personas import BY_NAME, Persona
from tests.benchmarks.learning.plan import BROAD, FULL, QUICK, Plan
from tests.benchmarks.learning.results import Point

T = TypeVar("T")


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options; None reads the process's own arguments."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_learning")
    size = parser.add_mutually_exclusive_group()
    for plan, what in (
        (QUICK, "six personas, one seed (the default)"),
        (BROAD, "all personas, one seed, ratings too"),
        (FULL, "all personas, three seeds, ratings too"),
    ):
        name = f"--{plan.name}"
        size.add_argument(name, dest="plan", action="store_const", const=plan, help=what)
    parser.set_defaults(plan=QUICK)
    parser.add_argument("--personas", type=personas, help="names, with commas between them")
    parser.add_argument("--points", type=_points, help="such as 1,20,ratings")
    parser.add_argument("--seeds", type=int, help="how many orders of the prompts")
    parser.add_argument("--results", type=Path, default=Path("bench-results"), help="a folder")
    parser.add_argument("--no-write", action="store_true", help="leave docs/ alone")
    return parser.parse_args(arguments)


def planned(options: argparse.Namespace) -> Plan:
    """The quick, the broad or the full plan, narrowed as the options say."""
    plan: Plan = options.plan
    return replace(
        plan,
        personas=options.personas or plan.personas,
        points=options.points or plan.points,
        seeds=options.seeds or plan.seeds,
    )


def personas(names: str) -> tuple[Persona, ...]:
    """The personas with these names, commas between them."""
    return tuple(_named(BY_NAME, name) for name in names.split(","))


def _points(names: str) -> tuple[Point, ...]:
    known = {str(point.corrections or "ratings"): point for point in FULL.points}
    chosen = [_named(known, name) for name in names.split(",")]
    return tuple(point for point in FULL.points if point in chosen)  # feedback only grows


def _named(known: Mapping[str, T], name: str) -> T:
    if name not in known:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
    return known[name]
