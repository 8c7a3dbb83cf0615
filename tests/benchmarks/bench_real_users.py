"""Users whose corrections and comments were written by hand: what do they get in unseen replies?

    LORALEI_MODEL=... python -m tests.benchmarks.bench_real_users [--points 1,5,20] [--users NAMES]

Everything over HTTP. Held-out users are asked only with `--held-out`: nothing may be tuned to them.
Finished measurements stay in `bench-results/`, in a file for each base model and each state of the
code that learns, and a second run goes on from there.
"""

import argparse
from contextlib import closing
from pathlib import Path

from rich.console import Console

from server.base_model.choice import or_smallest
from server.data_folder import RunningServer
from server.settings import Settings
from tests.benchmarks.learning.server import benchmark_server, progress_bar
from tests.benchmarks.real_users.measure import Measuring
from tests.benchmarks.real_users.night import measure_night
from tests.benchmarks.real_users.results import Results, Situation, results_file
from tests.benchmarks.real_users.table import report
from tests.benchmarks.real_users.user import read_users
from tests.benchmarks.report import machine, show_section


def main() -> None:
    """Measure what is missing, print and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", default="1,5,20", help="how many lessons, with commas")
    parser.add_argument("--users", default="", help="names, with commas; all that are not held out")
    parser.add_argument("--held-out", action="store_true", help="ask the held-out users, too")
    parser.add_argument("--situations", default=",".join(Situation), help="with commas")
    parser.add_argument("--night", action="store_true", help="train by the nightly schedule")
    parser.add_argument("--memory-only", action="store_true", help="train nobody")
    parser.add_argument("--results", type=Path, default=Path("bench-results"), help="a folder")
    parser.add_argument("--no-write", action="store_true", help="leave docs/ alone")
    options = parser.parse_args()
    points = [int(each) for each in options.points.split(",")]
    chosen = options.users.split(",") if options.users else None
    users = [
        user
        for user in read_users()
        if (user.name in chosen if chosen else options.held_out or not user.held_out)
    ]
    model = or_smallest(Settings().model)
    results = Results(results_file(options.results, "real-users", Path(model).name))
    console = Console()
    with progress_bar(console) as bar:

        def measuring(server: RunningServer) -> Measuring:
            return Measuring(
                server.url,
                server.token,
                results,
                bar,
                points=points,
                trains=not options.memory_only,
                situations=[Situation(each) for each in options.situations.split(",")],
            )

        if options.night:
            measure_night(console, measuring, users, points[-1])
        else:
            with benchmark_server(console) as server, closing(measuring(server)) as whole:
                whole.run(users)
    text = f"{model}, n = 16 a user, measured on {machine()}.\n\n{report(results, users, points)}"
    show_section(f"real users {model}", text, is_written=not options.no_write)


if __name__ == "__main__":
    main()
