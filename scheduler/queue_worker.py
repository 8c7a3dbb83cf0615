"""Works a queue of runs on one thread, one run at a time; a failure ends only its own run."""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from scheduler.errors import TrainingCancelledError
from scheduler.queue_table import QueueTable

_STOP_TIMEOUT = 10.0
_PAUSE_AFTER_ERROR = 1.0

_log = logging.getLogger(__name__)


class QueuedRun(Protocol):
    """A run of any queue."""

    @property
    def id(self) -> str:
        """The run's id."""

    @property
    def user_id(self) -> str:
        """Whom it is for."""


R = TypeVar("R", bound=QueuedRun)


class QueueWorker(ABC, Generic[R]):
    """One thread that works the run that waited longest. `clock` gives UTC seconds.

    When it stops, the current run goes back to the queue and starts again with the server. After a
    crash it has failed instead: a run that brings the server down must not be repeated.
    """

    def __init__(self, name: str, queue: QueueTable[R], clock: Callable[[], float]) -> None:
        self._name = name
        self._queue = queue
        self._clock = clock
        self._thread = threading.Thread(target=self._work_queue, name=name, daemon=True)
        self._wake = threading.Event()
        self._is_stopping = threading.Event()
        self._changed = threading.Condition()
        self._working_for: str | None = None

    @abstractmethod
    def _run(self, run: R) -> None:
        """Work a running run to its end. Raises `TrainingCancelledError` if it must end before."""

    def _idle(self) -> None:
        """Use the time while nothing is queued."""

    def _end_early(self, run: R, device_seconds: float) -> None:
        """Put a run back that did not come to its end; does nothing if its user was erased."""
        self._queue.requeue(run.id, "the server stopped; this run starts again with it")

    def start(self) -> None:
        """Clean up after a crash, and begin to work the queue."""
        interrupted = self._queue.fail_interrupted(self._clock())
        if interrupted:
            _log.warning(
                "%s runs that the server's last stop interrupted: %d", self._name, interrupted
            )
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
            raise TimeoutError(f"the {self._name} thread did not end")

    def erase(self, user_id: str) -> None:
        """Erase a user's runs, and wait until none is being worked. Raises `TimeoutError`."""
        self._queue.erase(user_id)
        with self._changed:
            if not self._changed.wait_for(lambda: self._working_for != user_id, _STOP_TIMEOUT):
                raise TimeoutError(f"the {self._name} run did not end")

    def _work_queue(self) -> None:
        logged = ""
        while not self._is_stopping.is_set():
            self._wake.clear()
            try:
                run = self._queue.next_queued()
                if run is not None:
                    self._work(run)
                else:
                    self._idle()
                    self._wake.wait()
                logged = ""
            except Exception as error:
                if repr(error) != logged:  # once, not at every try
                    logged = repr(error)
                    _log.exception(
                        "the queue of %s runs cannot be worked; trying again", self._name
                    )
                self._is_stopping.wait(_PAUSE_AFTER_ERROR)

    def _work(self, run: R) -> None:
        self._set_working_for(run.user_id)
        try:
            # False if it was cancelled or erased since it was read.
            if self._queue.start(run.id, self._clock()):
                self._run(run)
        except TrainingCancelledError as error:
            self._end_early(run, error.device_seconds)
        except Exception as error:
            _log.exception("%s run %s failed unexpectedly", self._name, run.id)
            reason = f"unexpected error: {type(error).__name__}: {error}"[:500]
            self._queue.fail(run.id, reason, self._clock())
        finally:
            self._set_working_for(None)

    def _set_working_for(self, user_id: str | None) -> None:
        with self._changed:
            self._working_for = user_id
            self._changed.notify_all()
