"""The benchmark's command line."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.learning.options import personas
from tests.benchmarks.pooled.plan import PooledPlan


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options; None reads the process's own arguments."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_pooled")
    parser.add_argument("--personas", type=personas, help="such as lower,brief")
    parser.add_argument("--corrections", type=int, help="of every persona")
    parser.add_argument("--seeds", type=int, help="how many orders of the prompts")
    parser.add_argument("--results", type=Path, default=Path("bench-results"), help="a folder")
    parser.add_argument("--no-write", action="store_true", help="leave docs/ alone")
    return parser.parse_args(arguments)


def planned(options: argparse.Namespace) -> PooledPlan:
    """The plan, narrowed or widened as the options say."""
    plan = PooledPlan()
    return replace(
        plan,
        personas=options.personas or plan.personas,
        corrections=options.corrections or plan.corrections,
        seeds=options.seeds or plan.seeds,
    )
