"""The jobs of several users in one process: their fits share forward and backward passes.

Everything else is done for one after the other, and stays as it is for a job alone. A job may join
at any step. If its folder is gone, it was cancelled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from scheduler.fit.passes import Steps
from scheduler.fit.trained_model import TrainedModel
from scheduler.trainer.job import TrainingJob, read_job
from scheduler.trainer.parent_pipe import ParentPipe, Reporter
from scheduler.trainer.train import FIRST_CANDIDATE, set_up, train

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failed:
    """Work that raised an error."""

    error: Exception


def work_jobs(parent: ParentPipe, num_users: int) -> None:
    """Work the parent's jobs, at most `num_users` at a time, until the parent ends this process."""
    batch: Batch | None = None
    while True:
        while batch is None or not batch.jobs or (parent.has_job and batch.has_room):
            folder = parent.job_folder()
            try:
                job = read_job(folder)
            except FileNotFoundError:
                continue  # it was cancelled meanwhile
            batch = batch or Batch(set_up(job, num_users))
            batch.add(folder, job)
        batch.step()


class Batch:
    """Jobs that share a model, each in a slot of its own."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model
        self.jobs: dict[Path, tuple[int, Steps[None]]] = {}

    @property
    def has_room(self) -> bool:
        """Whether another job may be added."""
        return bool(self._free_slots())

    def add(self, folder: Path, job: TrainingJob) -> None:
        """Begin a job with the next step."""
        slot = self._free_slots().pop()
        steps = train(self._model, slot, job, folder, Reporter(folder.name))
        self.jobs[folder] = slot, steps

    def step(self) -> None:
        """Take every job to its next pass, and work these together. Tell the parent who ended."""
        for folder, (_, steps) in list(self.jobs.items()):
            if not folder.exists():
                steps.close()
                del self.jobs[folder]
        ended = advance(self._model, {folder: steps for folder, (_, steps) in self.jobs.items()})
        for folder, outcome in ended.items():
            del self.jobs[folder]
            reporter = Reporter(folder.name)
            if isinstance(outcome, Failed):
                error = f"{type(outcome.error).__name__}: {outcome.error}"
                reporter.send({"failed": f"the training process failed: {error}"[:500]})
            else:
                reporter.send({"done": True})

    def _free_slots(self) -> set[int]:
        slots = range(FIRST_CANDIDATE, self._model.pool.num_slots)
        return set(slots) - {slot for slot, _ in self.jobs.values()}


def advance(model: TrainedModel, works: Mapping[K, Steps[T]]) -> dict[K, T | Failed]:
    """Take each work to its next pass, and work all passes together. Returns what ended."""
    passes, ended = [], dict[K, T | Failed]()
    for name, steps in works.items():
        try:
            passes.append(next(steps))
        except StopIteration as end:
            ended[name] = end.value
        except Exception as error:
            ended[name] = Failed(error)
    model.backward(passes)
    return ended
