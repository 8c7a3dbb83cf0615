"""Three professional writers edit a model's paragraphs: do their adapters prefer their edits?

    EVAL_DATA=../shared/data LORALEI_MODEL=... python -m tests.benchmarks.bench_writers

Users are trained over HTTP. The edits are scored in process, in float32. The paragraphs come from
LAMP (https://github.com/salesforce/creativity_eval, BSD-3-Clause). Finished trainings, adapters and
scores stay in `bench-results/`, in files for each base model and each state of the code that
learns.
"""

import argparse
from pathlib import Path

import torch
from rich.console import Console

from adapters_store.lora import AdapterPool
from server.base_model.choice import or_smallest
from server.settings import Settings
from tests.benchmarks.base import load_base
from tests.benchmarks.learning.prompts import data_folder
from tests.benchmarks.learning.server import benchmark_server, progress_bar
from tests.benchmarks.report import machine, show_section
from tests.benchmarks.writers.measure import ADAPTER, TrainingWriters, score_missing
from tests.benchmarks.writers.results import WritersResults
from tests.benchmarks.writers.rows import FILE, NUM_TAUGHT, read_rows, split_rows
from tests.benchmarks.writers.table import report
from tests.benchmarks.writers.users import shuffled_writers, writers


def main() -> None:
    """Measure what is missing, print and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", default="", help="such as W3,shuffled-1; all")
    parser.add_argument("--results", type=Path, default=Path("bench-results"), help="a folder")
    parser.add_argument("--no-write", action="store_true", help="leave docs/ alone")
    options = parser.parse_args()
    data = data_folder(FILE)
    if data is None:
        print(f"Not measured: set EVAL_DATA to the folder that holds {FILE}.")
        return
    taught, unseen = split_rows(read_rows(data / FILE))
    rows = [*taught, *unseen]
    own, shuffled = writers(rows), shuffled_writers(rows)
    everybody = [*own, *shuffled]
    names = options.users.split(",") if options.users else [user.name for user in everybody]
    users = [user for user in everybody if user.name in names]
    model = or_smallest(Settings().model)
    results = WritersResults(options.results, Path(model).name)
    console = Console()
    untrained = [user for user in users if user.name not in results.trained]
    if untrained:
        with benchmark_server(console) as server, progress_bar(console) as bar:
            TrainingWriters(server.url, server.token, results, bar).run(untrained, taught)
    # After the server has stopped: both at once may not fit into memory.
    unscored = results.unscored(users, unseen)
    if unscored:
        settings = Settings(dtype="float32")
        base = load_base(settings, console)
        pool = AdapterPool(base.model, settings.lora, ADAPTER + 1, dtype=torch.float32)
        with progress_bar(console) as bar:
            score_missing(base, pool, unscored, unseen, results, bar)
    text = (
        f"{model}, {NUM_TAUGHT} corrections a user, measured on {machine()}.\n\n"
        f"{report(results, own, shuffled, unseen)}"
    )
    show_section("writers", text, is_written=not options.no_write)


if __name__ == "__main__":
    main()
