"""Eight users' short fits in one training batch, against the same fits one after the other.

    python -m tests.benchmarks.bench_batched_fits [--no-write]

Each user has five corrections of one's own. The fits are those of the training child, with its
threads; loading the model and measuring the result are left out. Both ways are timed in turn, so
that a slow minute of the machine slows both. The ratio is the median of the pairs' ratios.
"""

import sys
import time
from dataclasses import replace
from statistics import median

import torch
from rich.console import Console

from adapters_store.records import LoraConfig
from feedback.records import TrainingExample
from scheduler.fit.loop import PhaseReport, fit
from scheduler.fit.passes import Steps
from scheduler.fit.trained_model import TrainedModel
from scheduler.records import MemoryConfig, TrainingConfig
from scheduler.trainer.job import TrainingJob
from scheduler.trainer.train import FIRST_CANDIDATE, set_up
from server.base_model.engines import base_form
from server.settings import Settings
from tests.benchmarks.base import resolve_base
from tests.benchmarks.report import machine, markdown_table, show_section
from tests.scheduler.fit.together import alone, together
from tests.scheduler.training import make_example

USERS, ROWS, PAIRS = 8, 5, 5
TOPICS = ("the sea", "bread", "trains", "tea", "winter", "maps", "birds", "glass")
ASKED = (
    "Tell me about {}.",
    "What is good about {}?",
    "Write two sentences on {}.",
    "Why do people like {}?",
    "Describe {} to a child, and say what it is for.",
)


def main() -> None:
    """Measure, print and write the table."""
    settings = Settings()
    model = load(settings)
    ratios, seconds = [], []
    fit_all(model, is_together=False)  # what is compiled is compiled now
    fit_all(model, is_together=True)
    for number in range(PAIRS):
        order = (False, True) if number % 2 else (True, False)
        times = {is_together: fit_all(model, is_together=is_together) for is_together in order}
        ratios.append(times[False] / times[True])
        seconds.append((times[False], times[True]))
    one_by_one, in_batch = (median(column) for column in zip(*seconds, strict=True))
    heading = ("users", "rows each", "one by one", "in one batch", "ratio", "lowest", "highest")
    row = (
        *(str(each) for each in (USERS, ROWS)),
        *(f"{each:.2f} s" for each in (one_by_one, in_batch)),
        *(f"{each:.2f}" for each in (median(ratios), min(ratios), max(ratios))),
    )
    text = f"{model.base.name}, measured on {machine()}, {torch.get_num_threads()} threads.\n\n"
    text += markdown_table(heading, [row])
    show_section("batched fits", text, is_written="--no-write" not in sys.argv)


def load(settings: Settings) -> TrainedModel:
    """The base as a training child loads it, with a slot for each user."""
    source = resolve_base(settings, Console())
    form = base_form(settings, source)
    job = TrainingJob(
        base_path=str(source.path),
        base_model=source.name,
        base_revision=source.revision,
        device=str(form.device),
        dtype=str(form.dtype).removeprefix("torch."),
        threads=settings.threads or torch.get_num_threads(),
        lora=LoraConfig(),
        training=TrainingConfig(),
        memory=MemoryConfig(),
        incumbent=None,
        incumbent_example_ids=(),
        reference_replies=(),
        max_reference_kl=1.0,
        kl_replies=(),
        precision=form.precision,
        packed=str(form.packed) if form.packed else None,
    )
    return set_up(job, USERS)


def examples_of(user: int) -> list[TrainingExample]:
    """Corrections of other lengths than those of other users."""
    topic = TOPICS[user]
    reply = f"Well, {topic}: " + "there is more to say than fits here, " * (1 + user % 3)
    return [make_example(ask.format(topic), f"{reply}so ask me.") for ask in ASKED[:ROWS]]


def fit_all(model: TrainedModel, *, is_together: bool) -> float:
    """Fit all users from zero; the seconds that it took."""
    slots = range(FIRST_CANDIDATE, FIRST_CANDIDATE + USERS)
    for slot in slots:
        model.pool.clear(slot)
    works = [steps_of(model, slot, user) for user, slot in enumerate(slots)]
    began = time.monotonic()
    if is_together:
        together(model, works)
    else:
        for work in works:
            alone(model, work)
    return time.monotonic() - began


def steps_of(model: TrainedModel, slot: int, user: int) -> Steps[tuple[PhaseReport, ...]]:
    # All steps are taken: both ways do the same work.
    config = replace(TrainingConfig(), sft_stop_loss=0.0)
    return fit(model, slot, examples_of(user), (), config, lambda *_: None)


if __name__ == "__main__":
    main()
