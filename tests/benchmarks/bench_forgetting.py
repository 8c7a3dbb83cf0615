"""Does an adapter forget? Instructions followed and facts known, before and after.

    EVAL_DATA=../shared/data python -m tests.benchmarks.bench_forgetting [--prompts N]

Simulated users correct twenty replies each and are trained, over HTTP and on the model of the
settings. Then the base and their adapters reply to IFEval's prompts, also over HTTP, and score the
answers to TruthfulQA's questions, in process. Finished results and adapters stay in
`bench-results/`, and a second run goes on from there. Delete the files to measure anew.
"""

import random
from collections.abc import Sequence
from contextlib import closing
from typing import TypeVar

import torch
from rich.console import Console

from adapters_store.lora import AdapterPool
from server.settings import Settings
from tests.benchmarks.base import load_base
from tests.benchmarks.forgetting import ifeval, outcomes, truthfulqa
from tests.benchmarks.forgetting.measure import Forgetting, score_answers
from tests.benchmarks.forgetting.options import read_options
from tests.benchmarks.forgetting.results import ForgettingResults, Learner
from tests.benchmarks.forgetting.table import report
from tests.benchmarks.learning.prompts import TAUGHT, data_folder, read_prompts
from tests.benchmarks.learning.server import benchmark_server, progress_bar
from tests.benchmarks.report import machine, show_section

T = TypeVar("T")


def main() -> None:
    """Measure what is missing, print and write the tables."""
    options = read_options()
    data = data_folder(TAUGHT, ifeval.FILE, truthfulqa.FILE)
    if data is None:
        print(
            "Not measured: set EVAL_DATA to the folder that holds"
            f" {TAUGHT}, {ifeval.FILE} and {truthfulqa.FILE}."
        )
        return
    tasks = drawn(ifeval.read_tasks(data / ifeval.FILE), options.prompts)
    questions = drawn(truthfulqa.read_questions(data / truthfulqa.FILE), options.questions)
    try:
        check = ifeval.load_check() if tasks else None
    except ImportError as error:
        print(f"Not measured: {error}. {ifeval.INSTALL}, or leave IFEval out: --prompts 0")
        return
    learners = [Learner(persona.name, options.corrections) for persona in options.personas]
    results = ForgettingResults(options.results)
    console = Console()
    with (
        benchmark_server(console) as server,
        progress_bar(console) as bar,
        closing(Forgetting(server.url, server.token, results, bar)) as forgetting,
    ):
        forgetting.learn(learners, read_prompts(data / TAUGHT, 0))
        forgetting.ask(learners, tasks, options.tokens)
    # After the server has stopped: it would share the processor.
    settings = Settings()
    base = load_base(settings, console)
    pool = AdapterPool(base.model, settings.lora, len(learners) + 1, dtype=torch.float32)
    with progress_bar(console) as bar:
        score_answers(base, pool, learners, questions, results, bar)
    tests = [outcomes.of_questions(questions, learners, results)]
    if check is not None:
        alone = outcomes.of_tasks(tasks, check, learners, results, options.tokens)
        tests[:0] = [outcomes.as_served(tasks, alone, results), alone]
    remarks = outcomes.remarks(tasks, learners, results, options.tokens)
    text = f"Measured on {machine()}.\n\n{report(tests, remarks)}"
    show_section("forgetting", text, is_written=not options.no_write)


def drawn(items: Sequence[T], count: int) -> list[T]:
    """The first `count` in a fixed order, so that a larger sample contains the smaller ones."""
    return random.Random(0).sample(items, len(items))[:count]


if __name__ == "__main__":
    main()
