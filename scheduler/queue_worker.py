"""Works the queue of runs on one thread, one run at a time; a failure ends only its own run."""

import logging
import threading
from collections.abc import Callable

from scheduler.errors import TrainingCancelledError
from scheduler.records import RunStatus, TrainingRun
from scheduler.retrain.pipeline import Pipeline
from scheduler.run_store import RunStore

_STOP_TIMEOUT = 10.0
_PAUSE_AFTER_ERROR = 1.0

_log = logging.getLogger(__name__)


class QueueWorker:
    """One thread that works the run that waited longest.

    With `prepares` it prepares the next run while the queue is empty.
    """

    def __init__(
        self,
        runs: RunStore,
        pipeline: Pipeline,
        clock: Callable[[], float],
        *,
        prepares: bool,
    ) -> None:
        self._runs = runs
        self._pipeline = pipeline
        self._clock = clock
        self._prepares = prepares
        self._thread = threading.Thread(target=self._work_queue, name="training", daemon=True)
        self._wake = threading.Event()
        self._is_stopping = threading.Event()
        self._changed = threading.Condition()
        self._working_for: str | None = None

    def start(self) -> None:
        """Begin to work the queue."""
        self._thread.start()

    def wake(self) -> None:
        """Tell the thread that a run was queued."""
        self._wake.set()

    def stop(self) -> None:
        """End the current run and the thread. Raises `TimeoutError` if it hangs."""
        self._is_stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT)
        if self._thread.is_alive():
            raise TimeoutError("the training thread did not end")

    def wait_until_done_with(self, user_id: str) -> None:
        """Wait until no run of this user is being worked; first cancel or erase the run.

        Raises `TimeoutError`.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._working_for != user_id, _STOP_TIMEOUT):
                raise TimeoutError("the run did not end")

    def _work_queue(self) -> None:
        while not self._is_stopping.is_set():
            self._wake.clear()
            try:
                run = self._runs.next_queued()
                if run is not None:
                    self._work(run)
                else:
                    if self._prepares:
                        self._prepare()
                    self._wake.wait()
            except Exception:
                _log.exception("the queue of training runs cannot be worked; trying again")
                self._is_stopping.wait(_PAUSE_AFTER_ERROR)
        self._pipeline.close()

    def _prepare(self) -> None:
        """Get ready for the next run; if this fails, the run itself tries again."""
        try:
            self._pipeline.prepare(self._wake.is_set)
        except TrainingCancelledError:
            pass  # there is a run
        except Exception:
            _log.exception("the next training run cannot be prepared")

    def _work(self, run: TrainingRun) -> None:
        self._set_working_for(run.user_id)
        try:
            # False if it was cancelled or erased since it was read.
            if self._runs.start(run.id, self._clock()):
                self._pipeline.run(run, lambda: self._must_end(run))
        except TrainingCancelledError as error:
            self._end_early(run, error.device_seconds)
        except Exception as error:
            _log.exception("training run %s failed unexpectedly", run.id)
            self._fail(run, f"unexpected error: {type(error).__name__}: {error}"[:500])
        finally:
            self._set_working_for(None)

    def _must_end(self, run: TrainingRun) -> bool:
        return self._is_stopping.is_set() or self._runs.is_cancel_requested(run.id)

    def _end_early(self, run: TrainingRun, device_seconds: float) -> None:
        if self._runs.is_cancel_requested(run.id):
            self._runs.finish(
                run.id,
                RunStatus.CANCELLED,
                "cancelled during the run",
                at=self._clock(),
                usage={"device_seconds": round(device_seconds, 2)},
            )
        else:
            self._runs.requeue(run.id, "the server stopped; this run starts again with it")

    def _fail(self, run: TrainingRun, reason: str) -> None:
        self._runs.finish(run.id, RunStatus.FAILED, reason, at=self._clock())

    def _set_working_for(self, user_id: str | None) -> None:
        with self._changed:
            self._working_for = user_id
            self._changed.notify_all()
