"""Users who only press thumbs on sampled replies: how many unseen replies do they like then?

    EVAL_DATA=../shared/data LORALEI_MODEL=... python -m tests.benchmarks.bench_thumbs

Everything over HTTP. The prompts come from self-instruct
(https://github.com/yizhongw/self-instruct, Apache-2.0). Finished measurements stay in
`bench-results/`, in a file for each base model and each state of the code that learns.
"""

import argparse
from pathlib import Path

from rich.console import Console

from server.base_model.choice import or_smallest
from server.settings import Settings
from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN, data_folder
from tests.benchmarks.learning.server import benchmark_server, progress_bar
from tests.benchmarks.real_users.results import results_file
from tests.benchmarks.report import machine, show_section
from tests.benchmarks.thumbs.measure import NUM_UNSEEN, SAMPLES, Measuring, Results
from tests.benchmarks.thumbs.table import report
from tests.benchmarks.thumbs.users import USERS


def main() -> None:
    """Measure what is missing, print and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", default="20,60", help="how many thumbs, with commas")
    parser.add_argument("--users", default="", help="names, with commas; all")
    parser.add_argument("--results", type=Path, default=Path("bench-results"), help="a folder")
    parser.add_argument("--no-write", action="store_true", help="leave docs/ alone")
    options = parser.parse_args()
    data = data_folder(TAUGHT, UNSEEN)
    if data is None:
        print(f"Not measured: set EVAL_DATA to the folder that holds {TAUGHT} and {UNSEEN}.")
        return
    points = [int(each) for each in options.points.split(",")]
    chosen = options.users.split(",") if options.users else [user.name for user in USERS]
    users = [user for user in USERS if user.name in chosen]
    model = or_smallest(Settings().model)
    results = Results(results_file(options.results, "thumbs", Path(model).name))
    console = Console()
    with benchmark_server(console) as server, progress_bar(console) as bar:
        Measuring(server.url, server.token, data, results, bar, points).run(users)
    n = f"n = {NUM_UNSEEN * SAMPLES} a user ({SAMPLES} samples to {NUM_UNSEEN} prompts)"
    text = f"{model}, {n}, measured on {machine()}.\n\n{report(results, users, points)}"
    show_section("thumbs", text, is_written=not options.no_write)


if __name__ == "__main__":
    main()
