"""Simulated users correct and rate replies: how many unseen replies are then as they want them?

    EVAL_DATA=../shared/data python -m tests.benchmarks.bench_learning [--quick | --broad | --full]

Everything over HTTP, on the model of the settings. The prompts come from self-instruct
(https://github.com/yizhongw/self-instruct, Apache-2.0). Finished measurements stay with their
replies in `bench-results/`, and a second run goes on from there. Delete the file to measure anew.
"""

from rich.console import Console

from tests.benchmarks.learning.measure import Measuring
from tests.benchmarks.learning.options import planned, read_options
from tests.benchmarks.learning.plot import draw
from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN, data_folder
from tests.benchmarks.learning.results import Results
from tests.benchmarks.learning.server import benchmark_server, progress_bar
from tests.benchmarks.learning.table import report
from tests.benchmarks.report import PAGE, machine, write_section

PLOT = PAGE.with_name("learning.svg")


def main() -> None:
    """Measure what is missing, print and write the table."""
    options = read_options()
    plan = planned(options)
    data = data_folder(TAUGHT, UNSEEN)
    if data is None:
        print(f"Not measured: set EVAL_DATA to the folder that holds {TAUGHT} and {UNSEEN}.")
        return
    results = Results(options.results / f"{plan.name}.jsonl")
    console = Console()
    with benchmark_server(console) as server, progress_bar(console) as bar:
        Measuring(plan, server.url, server.token, data, results, bar).run()
    text = f"Measured on {machine()}.\n\n{report(plan, results)}"
    print(text)
    if not options.no_write:
        draw(plan, results, PLOT)
        picture = f"![Replies as wanted against corrections]({PLOT.name})"
        write_section("learning", f"{text}\n\n{picture}")


if __name__ == "__main__":
    main()
