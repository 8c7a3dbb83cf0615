"""Eight users' short fits in one training batch, against the same fits one after the other.

    python -m tests.benchmarks.bench_batched_fits [--no-write]

Each user has five corrections. Fits are timed in one process that has the model, and whole runs
from the start of a training child to the adapter's files. Both ways are timed in turn, so that a
slow minute of the machine slows both.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch
from rich.console import Console

from adapters_store.records import LoraConfig
from feedback.examples.dataset import build_dataset
from feedback.records import TrainingExample
from scheduler.fit.loop import PhaseReport, fit
from scheduler.fit.passes import Steps
from scheduler.fit.trained_model import TrainedModel
from scheduler.records import MemoryConfig, TrainingConfig
from scheduler.trainer.job import TrainingJob
from scheduler.trainer.train import FIRST_CANDIDATE, set_up
from scheduler.trainer.worker import ProcessTrainer
from server.base_model.engines import base_form
from server.settings import Settings
from tests.benchmarks.base import resolve_base
from tests.benchmarks.report import machine, markdown_table, show_section
from tests.scheduler.fit.together import alone, together
from tests.scheduler.training import make_example

ROWS, FIT_PAIRS, RUN_PAIRS = 5, 5, 3
TOPICS = ("the sea", "bread", "trains", "tea", "winter", "maps", "birds", "glass")
"""One for each user."""
ASKED = (
    "Tell me about {}.",
    "What is good about {}?",
    "Write two sentences on {}.",
    "Why do people like {}?",
    "Describe {} to a child, and say what it is for.",
)
CONFIG = replace(TrainingConfig(), sft_stop_loss=0.0)
"""All steps are taken: both ways do the same work."""
WANTED = {"cpu": "at least 1.3", "cuda": "at least 3"}

FitAll = Callable[[bool], float]
"""Fits all users, together or one by one; the seconds that it took."""


def main() -> None:
    """Measure, print and write the table."""
    job = job_of(Settings())
    fits = compare_fits(job)
    with tempfile.TemporaryDirectory() as name:
        runs = compared("whole runs", lambda each: run_all(Path(name), job, each), RUN_PAIRS, job)
    about = (
        f"{job.base_model}, measured on {machine()}. {len(TOPICS)} users, {job.threads} threads."
    )
    heading = ("", "one by one", "in one batch", "ratio, median", "lowest", "highest", "wanted")
    text = f"{about}\n\n{markdown_table(heading, [fits, runs])}"
    show_section("batched fits", text, is_written="--no-write" not in sys.argv)


def compare_fits(job: TrainingJob) -> tuple[str, ...]:
    """The row of the fits alone. The model is gone afterwards."""
    model = set_up(job, len(TOPICS))
    return compared("fits", lambda is_together: fit_all(model, is_together), FIT_PAIRS, job)


def compared(name: str, fit_users: FitAll, pairs: int, job: TrainingJob) -> tuple[str, ...]:
    """A row of the table; the first pair only warms up."""
    alone_seconds, batch_seconds = [], []
    for number in range(1 + pairs):
        order = (False, True) if number % 2 else (True, False)
        times = {is_together: fit_users(is_together) for is_together in order}
        if number:
            alone_seconds.append(times[False])
            batch_seconds.append(times[True])
    ratios = [one / other for one, other in zip(alone_seconds, batch_seconds, strict=True)]
    seconds = (f"{median(each):.1f} s" for each in (alone_seconds, batch_seconds))
    found = (f"{each:.2f}" for each in (median(ratios), min(ratios), max(ratios)))
    return (name, *seconds, *found, WANTED[job.device.partition(":")[0]])


def job_of(settings: Settings) -> TrainingJob:
    """The job of a server with these settings."""
    source = resolve_base(settings, Console())
    form = base_form(settings, source)
    return TrainingJob(
        base_path=str(source.path),
        base_model=source.name,
        base_revision=source.revision,
        device=str(form.device),
        dtype=str(form.dtype).removeprefix("torch."),
        threads=settings.threads or torch.get_num_threads(),
        lora=LoraConfig(),
        training=CONFIG,
        memory=MemoryConfig(),
        incumbent=None,
        incumbent_example_ids=(),
        reference_replies=(("Why is the sky blue?", "Because air scatters blue light."),),
        max_reference_kl=10.0,
        kl_replies=(),
        precision=form.precision,
        packed=str(form.packed) if form.packed else None,
    )


def examples_of(user: int) -> list[TrainingExample]:
    """Corrections of other lengths than those of other users."""
    topic = TOPICS[user]
    reply = f"Well, {topic}: " + "there is more to say than fits here, " * (1 + user % 3)
    return [make_example(ask.format(topic), f"{reply}so ask me.") for ask in ASKED[:ROWS]]


def fit_all(model: TrainedModel, is_together: bool) -> float:
    """Fit all users from zero, in this process."""
    works = [steps_of(model, FIRST_CANDIDATE + user, user) for user in range(len(TOPICS))]
    began = time.monotonic()
    if is_together:
        together(model, works)
    else:
        for work in works:
            alone(model, work)
    return time.monotonic() - began


def steps_of(model: TrainedModel, slot: int, user: int) -> Steps[tuple[PhaseReport, ...]]:
    model.pool.clear(slot)
    return fit(model, slot, examples_of(user), (), CONFIG, lambda *_: None)


def run_all(root: Path, job: TrainingJob, is_together: bool) -> float:
    """Have training children work all users' jobs."""
    num_users = len(TOPICS) if is_together else 1
    trainer = ProcessTrainer(root / "jobs", lambda: False, 86_400, num_users=num_users)

    def run(user: int) -> None:
        with tempfile.TemporaryDirectory(dir=root) as destination:
            trainer.run(
                job,
                build_dataset("ann", examples_of(user)),
                destination=Path(destination),
                on_progress=lambda progress: None,
                is_cancelled=lambda: False,
            )

    began = time.monotonic()
    with ThreadPoolExecutor(num_users) as threads:
        list(threads.map(run, range(len(TOPICS))))  # raises what a run raised
    return time.monotonic() - began


if __name__ == "__main__":
    main()
