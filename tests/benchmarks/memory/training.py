"""The training child beside a process that has the same base mapped, as a server has."""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from adapters_store.base_model import BaseModel
from adapters_store.models.resolve import resolve_model
from adapters_store.weights.frozen import packed_weights
from feedback.examples.dataset import build_dataset
from feedback.records import Dataset
from scheduler.records import MemoryConfig, Progress, TrainingConfig
from scheduler.trainer.job import TrainingJob
from scheduler.trainer.worker import ProcessTrainer
from server.base_model.engines import load_base_of
from server.cli.views import model_progress
from server.settings import Settings
from tests.benchmarks.memory.processes import Peaks, watch_children
from tests.benchmarks.report import machine, markdown_table
from tests.scheduler.training import make_example, make_rating

SHORT_TOKENS = 150
PROBES = 12
REFERENCES = 8
TRAINING = replace(TrainingConfig(), max_steps=1, min_passes=1)
"""The defaults, but one step in each phase: no later one takes more memory."""


def measure_training(model: str) -> str:
    """The table of one run on a base model: a built-in name or a folder of weights."""
    settings = Settings(model=model)
    with model_progress(Console()) as show:
        source = resolve_model(model, settings.model_cache, show)
    base = load_base_of(settings, source)
    _touch(base)
    job = TrainingJob(
        base_path=str(source.path),
        base_model=source.name,
        base_revision=source.revision,
        device=str(base.device),
        dtype=str(base.dtype).removeprefix("torch."),
        precision=base.precision,
        packed=str(base.packed) if base.packed else None,
        threads=settings.threads or 2,
        lora=settings.lora,
        training=TRAINING,
        memory=MemoryConfig(),
        incumbent=None,
        incumbent_example_ids=(),
        reference_replies=_exchanges(REFERENCES),
        max_reference_kl=100.0,
        kl_replies=_exchanges(REFERENCES),
        probes=(_exchanges(PROBES),),
    )
    peaks = _run(job, _dataset(base))
    rows = [
        (phase, f"{memory.private / 2**20:.0f}", f"{memory.proportional / 2**20:.0f}")
        for phase, memory in peaks.highest.items()
    ]
    rows.append(("**peak**", f"**{peaks.private / 2**20:.0f}**", ""))
    shared = sum(
        {each.values.data_ptr(): each.nbytes for each in packed_weights(base.model)}.values()
    )
    weights = f"{source.name}, {base.precision}, {shared / 2**20:.0f} MiB of packed weights"
    head = ("phase", "private, MiB", "proportional set size, MiB")
    return f"Measured on {machine()}. {weights}.\n\n" + markdown_table(head, rows)


def _touch(base: BaseModel) -> None:
    """Read every page of the packed weights, as a server has after its first replies."""
    for weight in packed_weights(base.model):
        weight.values.max()
        weight.scales.sum()


def _run(job: TrainingJob, dataset: Dataset) -> Peaks:
    with tempfile.TemporaryDirectory() as name, watch_children() as peaks:
        destination = Path(name) / "adapter"
        destination.mkdir()

        def show(progress: Progress) -> None:
            if progress.phase != peaks.phase:
                before, peaks.phase = peaks.phase, progress.phase
                print(f"{before}: {peaks.highest.get(before)}", file=sys.stderr, flush=True)

        ProcessTrainer(Path(name) / "jobs", lambda: False, timeout=86_400).run(
            job,
            dataset,
            destination=destination,
            on_progress=show,
            is_cancelled=lambda: False,
        )
    return peaks


def _dataset(base: BaseModel) -> Dataset:
    """Short examples of each kind, a correction and a pair as long as a fit takes them."""
    long, short = (_words(base, tokens // 2) for tokens in (TRAINING.max_tokens, SHORT_TOKENS))
    examples = [
        make_example(f"correct {long}", long),
        make_example(f"prefer {long}", long, long[: len(long) // 2] + " ink"),
    ]
    for i in range(2):
        examples += [
            make_example(f"correct {i} {short}", short),
            make_example(f"prefer {i} {short}", short, f"No. {short}"),
            make_rating(f"like {i} {short}", short, is_liked=True),
            make_rating(f"dislike {i} {short}", short, is_liked=False),
        ]
    return build_dataset("ann", examples)


def _words(base: BaseModel, tokens: int) -> str:
    """A text of about so many tokens."""
    word = " water"
    each = len(base.renderer.text_ids(word * 100)) / 100
    return word * int(tokens / each)


def _exchanges(number: int) -> tuple[tuple[str, str], ...]:
    return tuple((f"What is {i} and {i}?", f"It is {i + i}. " * 12) for i in range(number))
