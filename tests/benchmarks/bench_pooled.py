"""One adapter trained on everybody's corrections against one per user: which serves users better?

    EVAL_DATA=../shared/data python -m tests.benchmarks.bench_pooled [--personas lower,brief]

Everything over HTTP, on the model of the settings. The prompts come from self-instruct
(https://github.com/yizhongw/self-instruct, Apache-2.0). Finished measurements stay with their
replies in `bench-results/`, and a second run goes on from there. Delete the file to measure anew.
"""

from rich.console import Console

from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN, data_folder
from tests.benchmarks.learning.results import Results
from tests.benchmarks.learning.server import benchmark_server, progress_bar
from tests.benchmarks.pooled.measure import Pooling
from tests.benchmarks.pooled.options import planned, read_options
from tests.benchmarks.pooled.table import report
from tests.benchmarks.report import machine, show_section

# All adapters must be promoted, to be compared: after a refusal the base would answer.
OPEN_GATE = {
    "LORALEI_GATE__MAX_REFERENCE_KL": "1000",
    "LORALEI_GATE__MAX_FAULTY_INCREASE": "1",
    "LORALEI_GATE__MIN_HELD_OUT_FOR_SIGNIFICANCE": "1000",
}


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
    with benchmark_server(console, OPEN_GATE) as server, progress_bar(console) as bar:
        Pooling(plan, server.url, server.token, results, bar).run(data)
    text = f"Measured on {machine()}.\n\n{report(plan, results)}"
    show_section("pooled", text, is_written=not options.no_write)


if __name__ == "__main__":
    main()
