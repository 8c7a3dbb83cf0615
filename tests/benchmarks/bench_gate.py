"""Harmful, meaningless and good adapters: which of them does the gate promote?

    EVAL_DATA=../shared/data python -m tests.benchmarks.bench_gate [--limit N] [--part 2/8]

Everything over HTTP, on the model of the settings. Each adapter belongs to a new user, and is
trained, probed and decided on like any other. The prompts come from self-instruct
(https://github.com/yizhongw/self-instruct, Apache-2.0). Finished results stay in `bench-results/`,
and a second run goes on from there. Delete the files to measure anew.
"""

from rich.console import Console

from server.settings import Settings
from tests.benchmarks.gate.calibrate import Calibrating
from tests.benchmarks.gate.exchanges import Exchanges
from tests.benchmarks.gate.options import read_options
from tests.benchmarks.gate.plan import GateResults, pieces
from tests.benchmarks.gate.plot import draw
from tests.benchmarks.gate.table import of_size, report
from tests.benchmarks.learning.prompts import TAUGHT, data_folder, read_prompts
from tests.benchmarks.learning.server import benchmark_server, progress_bar
from tests.benchmarks.report import PAGE, machine, write_section

PLOT = PAGE.with_name("gate.svg")
PROMPTS = 64


def main() -> None:
    """Measure what is missing, print and write the table."""
    options = read_options()
    results = GateResults(options.results / "gate.jsonl")
    number, parts = options.part
    own = pieces(options.groups, options.feedback)[number - 1 :: parts]
    todo = [each for each in own if each not in results][: options.limit]
    data = data_folder(TAUGHT)
    if todo and data is not None:
        console = Console()
        known = Exchanges(options.results / "gate-replies.jsonl")
        prompts = read_prompts(data / TAUGHT, 0)[:PROMPTS]
        with benchmark_server(console) as server, progress_bar(console) as bar:
            Calibrating(server.url, server.token, prompts, known, bar).run(todo, results)
    elif todo:
        print(f"Nothing new was measured: set EVAL_DATA to the folder that holds {TAUGHT}.")
    found = list(results)
    if not found:
        print("Nothing has been measured yet.")
        return
    gate = Settings().gate
    text = f"Measured on {machine()}.\n\n{report(found, gate)}"
    print(text)
    if not options.no_write:
        draw(of_size(found, options.feedback), gate, PLOT)
        picture = f"![Every adapter at what the gate measured of it]({PLOT.name})"
        write_section("gate", f"{text}\n\n{picture}")


if __name__ == "__main__":
    main()
