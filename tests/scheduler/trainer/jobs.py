"""Quick jobs on the tiny model, worked in a training child or in this process.

A child takes seconds to import torch: use one for what only a child shows.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from adapters_store.records import LoraConfig
from feedback.examples.dataset import write
from feedback.records import Dataset
from scheduler.records import MemoryConfig, Progress, TrainingConfig
from scheduler.trainer.job import (
    ADAPTER_FOLDER,
    DATASET_FILE,
    JobResult,
    TrainingJob,
    read_result,
    write_job,
)
from scheduler.trainer.parent_pipe import Reporter
from scheduler.trainer.train import FIRST_CANDIDATE, set_up, train
from scheduler.trainer.worker import ProcessTrainer
from tests.scheduler.fit.together import alone
from tests.scheduler.training import make_example

EXAMPLES = [make_example(f"question {i}", "the answer") for i in range(6)]


class Recorder(Reporter):
    """Keeps the names of the phases, and sends nothing."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    def enter(self, phase: str, begin: float, end: float) -> None:
        assert 0 <= begin <= end <= 1
        self.phases.append(phase)

    def report(self, step: int, steps: int, loss: float) -> None:
        assert 0 < step <= steps


def tiny_job(model: Path) -> TrainingJob:
    """A quick fit of the tiny model."""
    return TrainingJob(
        base_path=str(model),
        base_model="tiny",
        base_revision="r0",
        device="cpu",
        dtype="float32",
        threads=1,
        lora=LoraConfig(rank=4, alpha=8.0),
        training=TrainingConfig(learning_rate=1e-2, max_steps=5),
        memory=MemoryConfig(),
        incumbent=None,
        incumbent_example_ids=(),
        reference_replies=(("Why?", "Because it is so."),),
        max_reference_kl=10.0,
        kl_replies=(("Who?", "Nobody knows."),),
    )


def write_files(job: TrainingJob, dataset: Dataset, folder: Path) -> None:
    """Write what a child reads into the new folder `folder`."""
    folder.mkdir(parents=True)
    write_job(folder, job)
    write(dataset, folder / DATASET_FILE)


def run(job: TrainingJob, dataset: Dataset, folder: Path) -> tuple[JobResult, list[str]]:
    """Work a job here, in the new folder `folder`; return the result and the phases."""
    write_files(job, dataset, folder)
    reporter = Recorder()
    with torch_as_before():
        model = set_up(job)
        alone(model, train(model, FIRST_CANDIDATE, job, folder, reporter))
    return read_result(folder, folder / ADAPTER_FOLDER), reporter.phases


def run_in_child(
    job: TrainingJob, dataset: Dataset, folder: Path, timeout: float = 120.0
) -> tuple[JobResult, list[Progress]]:
    """Work a job in a child of the real `ProcessTrainer`; `folder` is new."""
    adapter = folder / ADAPTER_FOLDER
    adapter.mkdir(parents=True)
    progress: list[Progress] = []
    result = ProcessTrainer(folder / "jobs", lambda: False, timeout).run(
        job,
        dataset,
        destination=adapter,
        on_progress=progress.append,
        is_cancelled=lambda: False,
    )
    return result, progress


class TrainerHere:
    """A `Trainer` without a child, for servers whose trainings are not what a test is about."""

    def __init__(
        self, jobs: Path, is_busy: Callable[[], bool], timeout: float, *, num_users: int = 1
    ) -> None:
        self._jobs = jobs

    def prepare(self) -> None:
        """Nothing takes long to start."""

    def run(
        self,
        job: TrainingJob,
        dataset: Dataset,
        *,
        destination: Path,
        on_progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> JobResult:
        folder = self._jobs / "job"
        try:
            result, _ = run(job, dataset, folder)
            shutil.copytree(result.adapter, destination, dirs_exist_ok=True)
        finally:
            shutil.rmtree(folder)
        return replace(result, adapter=destination, usage={**result.usage, "device_seconds": 0.0})

    def sweep(self) -> int:
        return 0

    def close(self) -> None:
        """Nothing was started."""


@contextmanager
def torch_as_before() -> Iterator[None]:
    """Undo what a training child sets for its whole life."""
    threads, is_deterministic = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
    )
    memory: Any = torch.utils.deterministic
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng(devices=[]):
        # What is set here is undone at the end, with what training sets.
        patch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
        patch.setattr(memory, "fill_uninitialized_memory", memory.fill_uninitialized_memory)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(is_deterministic)
