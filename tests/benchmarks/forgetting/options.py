"""The benchmark's command line."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.learning.options import personas
from tests.benchmarks.learning.personas import BY_NAME

PERSONAS = tuple(BY_NAME[name] for name in ("lower", "closing"))
"""The first changes every word, the second adds some."""


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options; None reads the process's own arguments."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_forgetting")
    parser.add_argument("--personas", type=personas, default=PERSONAS, help="such as lower,brief")
    parser.add_argument("--corrections", type=int, default=20, help="before the training")
    parser.add_argument("--prompts", type=int, default=40, help="of IFEval's 541; 0 leaves it out")
    parser.add_argument("--tokens", type=int, default=256, help="of a reply to IFEval, at most")
    parser.add_argument("--questions", type=int, default=100, help="of TruthfulQA's 790")
    parser.add_argument("--results", type=Path, default=Path("bench-results"), help="a folder")
    parser.add_argument("--no-write", action="store_true", help="leave docs/ alone")
    return parser.parse_args(arguments)
