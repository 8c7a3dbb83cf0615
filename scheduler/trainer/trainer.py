"""What the pipeline asks of training: `ProcessTrainer` and `RayTrainer` answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from feedback.records import Dataset
from scheduler.records import Progress
from scheduler.trainer.job import JobResult, TrainingJob


class Trainer(Protocol):
    """Fits adapters."""

    def prepare(self) -> None:
        """Start ahead what the next `run` needs. Harmless if called twice."""

    def run(
        self,
        job: TrainingJob,
        dataset: Dataset,
        *,
        destination: Path,
        on_progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> JobResult:
        """Put a PEFT folder's files into `destination`.

        Raises `TrainingFailedError` and `TrainingCancelledError`.
        """

    def sweep(self) -> int:
        """Remove what a crash left behind."""

    def close(self) -> None:
        """End what `prepare` started."""
