"""One user's story: judgements become a dataset, an adapter, a verdict, a version, and answers.

Reads top to bottom. Knows no tensors, no schedule and no process: a `Trainer` does the fitting.
"""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from adapters_store.errors import AdapterInvalidError, AdapterNotFoundError
from adapters_store.files import AdapterFiles
from adapters_store.records import AdapterVersion
from adapters_store.registry import Registry
from feedback.curate import examples
from feedback.dataset import freeze
from feedback.log import FeedbackLog
from feedback.records import Dataset
from scheduler import gate
from scheduler.errors import TrainingFailedError
from scheduler.job import Job, JobResult
from scheduler.publication import Fit, Publisher
from scheduler.records import Outcome, PipelineConfig, Progress, RunStatus, TrainingRun
from scheduler.runs import RunStore

_log = logging.getLogger(__name__)


class Trainer(Protocol):
    """Fits adapters; `scheduler.worker.Worker` does it in a child process."""

    def run(
        self,
        job: Job,
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


class Pipeline:
    """Works runs of any user, one at a time, from the judgements to the pointer.

    `verify` raises `AdapterInvalidError` for a folder that must not be served. `clock` gives UTC
    seconds.
    """

    def __init__(
        self,
        *,
        log: FeedbackLog,
        registry: Registry,
        files: AdapterFiles,
        runs: RunStore,
        trainer: Trainer,
        publisher: Publisher,
        verify: Callable[[Path], None],
        config: PipelineConfig,
        clock: Callable[[], float],
    ) -> None:
        self._log = log
        self._registry = registry
        self._files = files
        self._runs = runs
        self._trainer = trainer
        self._publisher = publisher
        self._verify = verify
        self._config = config
        self._clock = clock

    def sweep(self) -> None:
        """Remove the files that a crash left behind. No run and no import may be going on."""
        self._trainer.sweep()
        self._files.sweep(self._registry.folders())

    def run(self, run: TrainingRun, is_cancelled: Callable[[], bool]) -> None:
        """Work a running run to its end and record it.

        Whatever goes wrong, the version in use stays in use. When it was told to end it raises
        `TrainingCancelledError` and leaves the run as running.
        """
        if self._registry.is_frozen(run.user_id):
            return self._end(run, RunStatus.REFUSED, "the adapter is frozen")
        active = self._registry.active(run.user_id)
        dataset = freeze(run.user_id, examples(*self._log.judged(run.user_id)))
        if not dataset.examples:
            if active is not None and active.example_ids:
                return self._publisher.return_to_base(run, dataset, active)
            return self._end(run, RunStatus.REFUSED, "nothing to learn from yet", dataset)
        incumbent = self._incumbent(active)
        if active is not None and incumbent is not None and self._is_same_fit(active, dataset):
            reason = f"nothing new since {active.label}"
            return self._end(run, RunStatus.REFUSED, reason, dataset)
        self._fit(run, dataset, active, incumbent, is_cancelled)

    def _incumbent(self, active: AdapterVersion | None) -> Path | None:
        """Return the folder of the version in use, None when there is nothing to compare with."""
        ours = self._config.base_revision, self._config.lora
        if active is None or (active.base_revision, active.lora) != ours:
            return None
        try:
            return self._files.open(active)
        except (AdapterNotFoundError, AdapterInvalidError) as error:
            # A broken version must not keep its user from getting a sound one.
            _log.error("training without the version in use (%s): %s", active.label, error)
            return None

    def _is_same_fit(self, active: AdapterVersion, dataset: Dataset) -> bool:
        fitted = active.dataset_hash, active.seed
        return fitted == (dataset.content_hash, self._config.training.seed)

    def _fit(
        self,
        run: TrainingRun,
        dataset: Dataset,
        active: AdapterVersion | None,
        incumbent: Path | None,
        is_cancelled: Callable[[], bool],
    ) -> None:
        def record(progress: Progress) -> None:
            self._runs.progress(run.id, progress)

        staged = self._files.stage()
        try:
            result = self._trainer.run(
                self._job(active, incumbent),
                dataset,
                destination=staged,
                on_progress=record,
                is_cancelled=is_cancelled,
            )
            self._settle(run, dataset, result, active)
        except TrainingFailedError as error:
            self._end(run, RunStatus.FAILED, str(error), dataset)
        except AdapterInvalidError as error:
            reason = f"the trained adapter is unusable: {error}"
            self._end(run, RunStatus.FAILED, reason, dataset)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _settle(
        self, run: TrainingRun, dataset: Dataset, result: JobResult, active: AdapterVersion | None
    ) -> None:
        verdict = gate.judge(result.evaluation, self._config.gate)
        fit = Fit(run, dataset, result, verdict, active)
        if verdict.outcome is Outcome.REFUSED:
            return self._publisher.refuse(fit)
        self._verify(result.adapter)
        self._publisher.publish(fit)

    def _job(self, active: AdapterVersion | None, incumbent: Path | None) -> Job:
        config = self._config
        known = active.example_ids if active is not None and incumbent is not None else ()
        return Job(
            base_path=config.base_path,
            base_model=config.base_model,
            base_revision=config.base_revision,
            device=config.device,
            dtype=config.dtype,
            threads=config.threads,
            lora=config.lora,
            training=config.training,
            incumbent=None if incumbent is None else str(incumbent.resolve()),
            incumbent_example_ids=known,
            anchors_cache=config.anchors_cache,
        )

    def _end(
        self, run: TrainingRun, status: RunStatus, reason: str, dataset: Dataset | None = None
    ) -> None:
        dataset_hash = None if dataset is None else dataset.content_hash
        self._runs.finish(run.id, status, reason, at=self._clock(), dataset_hash=dataset_hash)
