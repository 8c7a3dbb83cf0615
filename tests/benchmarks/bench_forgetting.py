"""What an adapter costs elsewhere: instructions followed and facts known, before and after.

    EVAL_DATA=../shared/data python -m tests.benchmarks.bench_forgetting [--prompts N]

Simulated users correct twenty replies each and are trained, over HTTP and on the model of the
settings. Then the base and their adapters reply to prompts of IFEval, over HTTP too, and weigh the
answers to questions of TruthfulQA, in process. What is finished is kept in `bench-results/`,
adapters too, and a second run goes on from there; delete the files to measure anew.
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
from tests.benchmarks.forgetting.measure import Forgetting, weigh
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
    kept = ForgettingResults(options.results)
    console = Console()
    with (
        benchmark_server(console) as server,
        progress_bar(console) as bar,
        closing(Forgetting(server.url, server.token, kept, bar)) as forgetting,
    ):
        forgetting.learn(learners, read_prompts(data / TAUGHT, 0))
        forgetting.ask(learners, tasks, options.tokens)
    # Without the server, which would share the processor.
    settings = Settings()
    base = load_base(settings, console)
    pool = AdapterPool(base.model, settings.lora, len(learners) + 1, dtype=torch.float32)
    with progress_bar(console) as bar:
        weigh(base, pool, learners, questions, kept, bar)
    tests = [outcomes.of_questions(questions, learners, kept)]
    if check is not None:
        alone = outcomes.of_tasks(tasks, check, learners, kept, options.tokens)
        tests[:0] = [outcomes.as_served(tasks, alone, kept), alone]
    remarks = outcomes.remarks(tasks, learners, kept, options.tokens)
    text = f"Measured on {machine()}.\n\n{report(tests, remarks)}"
    show_section("forgetting", text, is_written=not options.no_write)


def drawn(items: Sequence[T], count: int) -> list[T]:
    """The first `count` of one fixed order: a larger sample holds the smaller ones."""
    return random.Random(0).sample(items, len(items))[:count]


if __name__ == "__main__":
    main()
