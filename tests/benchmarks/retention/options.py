"""The benchmark's command line."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.retention.plan import CHAINS, RetentionPlan


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options; None reads the process's own arguments."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_retention")
    parser.add_argument("--chains", type=int, choices=range(1, len(CHAINS) + 1), help="how many")
    parser.add_argument("--seeds", type=int, help="how many orders of the prompts")
    parser.add_argument("--results", type=Path, default=Path("bench-results"), help="a folder")
    parser.add_argument("--no-write", action="store_true", help="leave docs/ alone")
    return parser.parse_args(arguments)


def planned(options: argparse.Namespace) -> RetentionPlan:
    """The plan, narrowed or widened as the options say."""
    plan = RetentionPlan(CHAINS[: options.chains])
    return replace(plan, seeds=options.seeds or plan.seeds)
