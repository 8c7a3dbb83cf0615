"""Works the queue of training runs."""

import logging
from collections.abc import Callable

from scheduler.errors import TrainingCancelledError
from scheduler.queues.worker import QueueWorker
from scheduler.records import RunStatus, TrainingRun
from scheduler.retrain.pipeline import Pipeline
from scheduler.run_store import RunStore

_log = logging.getLogger(__name__)


class TrainingWorker(QueueWorker[TrainingRun]):
    """Works `parallel_runs` at a time. With `prepares` it prepares the next run while idle."""

    def __init__(
        self,
        runs: RunStore,
        pipeline: Pipeline,
        clock: Callable[[], float],
        *,
        prepares: bool,
        parallel_runs: int = 1,
    ) -> None:
        super().__init__("training", runs, clock, parallel_runs)
        self._runs = runs
        self._pipeline = pipeline
        self._prepares = prepares

    def stop(self) -> None:
        """End the current runs, the threads and the training process."""
        super().stop()
        self._pipeline.close()

    def _run(self, run: TrainingRun) -> None:
        self._pipeline.run(run, lambda: self._must_end(run))

    def _idle(self) -> None:
        """Get ready for the next run; if this fails, the run itself tries again."""
        if not self._prepares:
            return
        try:
            self._pipeline.prepare(self._must_work)
        except TrainingCancelledError:
            pass  # there is a run
        except Exception:
            _log.exception("the next training run cannot be prepared")

    def _must_work(self) -> bool:
        return self._is_stopping.is_set() or self._runs.has_open_run()

    def _must_end(self, run: TrainingRun) -> bool:
        return self._is_stopping.is_set() or self._runs.is_cancel_requested(run.id)

    def _end_early(self, run: TrainingRun, device_seconds: float) -> None:
        if not self._runs.is_cancel_requested(run.id):
            return super()._end_early(run, device_seconds)
        self._runs.finish(
            run.id,
            RunStatus.CANCELLED,
            "cancelled during the run",
            at=self._clock(),
            usage={"device_seconds": round(device_seconds, 2)},
        )
