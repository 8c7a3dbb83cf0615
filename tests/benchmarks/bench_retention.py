"""Does a user's first wish still hold after two more?

    EVAL_DATA=../shared/data python -m tests.benchmarks.bench_retention [--chains 1]

Everything over HTTP, on the model of the settings. The prompts come from self-instruct
(https://github.com/yizhongw/self-instruct, Apache-2.0). Finished measurements stay with their
replies in `bench-results/`, and a second run goes on from there. Delete the file to measure anew.
"""

from rich.console import Console

from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN, data_folder
from tests.benchmarks.learning.results import Results
from tests.benchmarks.learning.server import benchmark_server, progress_bar
from tests.benchmarks.report import machine, show_section
from tests.benchmarks.retention.measure import MeasuringRetention
from tests.benchmarks.retention.options import planned, read_options
from tests.benchmarks.retention.table import report


def main() -> None:
    """Measure what is missing, print and write the table."""
    options = read_options()
    plan = planned(options)
    data = data_folder(TAUGHT, UNSEEN)
    if data is None:
        print(f"Not measured: set EVAL_DATA to the folder that holds {TAUGHT} and {UNSEEN}.")
        return
    results = Results(options.results / "retention.jsonl")
    console = Console()
    with benchmark_server(console) as server, progress_bar(console) as bar:
        MeasuringRetention(plan, server.url, server.token, results, bar).run(data)
    text = f"Measured on {machine()}.\n\n{report(plan, results)}"
    show_section("retention", text, is_written=not options.no_write)


if __name__ == "__main__":
    main()
