"""Simulated users correct and thumb: how many of their unseen replies are then as they want them?

    EVAL_DATA=../shared/data python -m tests.benchmarks.bench_learning [--quick | --full]

Everything over HTTP, on the model of the settings. The prompts come from self-instruct
(https://github.com/yizhongw/self-instruct, Apache-2.0). Finished measurements are kept with their
replies in `bench-results/`, and a second run goes on from there; delete the file to measure anew.
"""

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from adapters_store.embedded import resolve_model
from server.cli_views import model_progress
from server.demo_server import demo_server
from server.settings import Settings
from tests.benchmarks.learning.measure import measure
from tests.benchmarks.learning.personas import BY_NAME, Persona
from tests.benchmarks.learning.plan import FULL, QUICK, Plan
from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN, data_folder
from tests.benchmarks.learning.results import Point, Results
from tests.benchmarks.learning.table import Table
from tests.benchmarks.report import machine, write_section

T = TypeVar("T")

# Only the runs that are asked for: another one would change which judgements a version knows.
NO_SCHEDULE = {"LORALEI_SCHEDULE__INTERVAL": "0", "LORALEI_SCHEDULE__NIGHTLY": ""}


def main() -> None:
    """Measure what is missing, print and write the table."""
    options = read_options()
    plan = planned(options)
    data = data_folder()
    if data is None:
        print(f"Not measured: set EVAL_DATA to the folder that holds {TAUGHT} and {UNSEEN}.")
        return
    results = Results(options.results / f"{plan.name}.jsonl")
    console = Console()
    settings = Settings()
    with model_progress(console) as show:
        resolve_model(settings.model, settings.model_cache, show)
    os.environ |= NO_SCHEDULE
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        tempfile.TemporaryDirectory() as folder,
        demo_server(Path(folder), console) as server,
        Progress(*columns, TimeElapsedColumn(), console=console) as progress,
    ):
        measure(plan, server.url, server.token, data, results, progress)
    text = report(plan, results)
    print(text)
    if not options.no_write:
        write_section("learning", text)


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What is asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_learning")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="six personas, one seed (the default)")
    size.add_argument("--full", action="store_true", help="all personas, three seeds, thumbs too")
    parser.add_argument("--personas", type=_personas, help="names, with commas between them")
    parser.add_argument("--points", type=_points, help="such as 1,20,thumbs")
    parser.add_argument("--seeds", type=int, help="how many orders of the prompts")
    parser.add_argument("--results", type=Path, default=Path("bench-results"), help="a folder")
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md alone")
    return parser.parse_args(arguments)


def planned(options: argparse.Namespace) -> Plan:
    """The quick or the full plan, narrowed as the options say."""
    plan = FULL if options.full else QUICK
    return replace(
        plan,
        personas=options.personas or plan.personas,
        points=options.points or plan.points,
        seeds=options.seeds or plan.seeds,
    )


def report(plan: Plan, results: Results) -> str:
    """The tables, with the machine above them."""
    table = Table(plan, results)
    days = sorted(each.measured_at[:10] for each in results)
    return (
        f"Measured on {machine()}; replies of {days[0]} to {days[-1]}.\n\n"
        f"{table.figures()}\n\n"
        f"Shares with 95 % intervals (Wilson 1927) over replies, which those to one persona are not"
        f" independent of. The {plan.name} set: personas {len(plan.personas)}, seeds {plan.seeds},"
        f" unseen prompts {plan.test_prompts}, tokens of a reply {plan.test_tokens} at most.\n\n"
        f"{table.personas()}\n\n{table.remarks()}"
    )


def _personas(names: str) -> tuple[Persona, ...]:
    return tuple(_named(BY_NAME, name) for name in names.split(","))


def _points(names: str) -> tuple[Point, ...]:
    known = {str(point.corrections or "thumbs"): point for point in FULL.points}
    return tuple(_named(known, name) for name in names.split(","))


def _named(known: Mapping[str, T], name: str) -> T:
    if name not in known:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
    return known[name]


if __name__ == "__main__":
    main()
