"""Works a queue of runs, one run of a user at a time; a failure ends only its own run."""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from scheduler.errors import TrainingCancelledError
from scheduler.queues.table import QueueTable

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
    """Threads that each work the run that waited longest, of a user whom no other works for.

    When it stops, its runs go back to the queue and start again with the server. After a crash they
    have failed instead: a run that brings the server down must not be repeated. `clock` gives UTC
    seconds.
    """

    def __init__(
        self,
        name: str,
        queue: QueueTable[R],
        clock: Callable[[], float],
        num_threads: int = 1,
    ) -> None:
        self._name = name
        self._queue = queue
        self._clock = clock
        self._threads = [
            threading.Thread(target=self._work_queue, args=(place == 0,), name=name, daemon=True)
            for place in range(num_threads)
        ]
        self._is_stopping = threading.Event()
        self._changed = threading.Condition()
        self._at_work: set[str] = set()
        self._logged = ""

    @abstractmethod
    def _run(self, run: R) -> None:
        """Work a running run to its end. Raises `TrainingCancelledError` if it must end before."""

    def _idle(self) -> None:
        """Use the time while nothing is queued. Only the first thread does."""

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
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Tell the threads that a run was queued."""
        with self._changed:
            self._changed.notify_all()

    def stop(self) -> None:
        """End the current runs and the threads. Raises `TimeoutError` if one hangs."""
        self._is_stopping.set()
        self.wake()
        deadline = time.monotonic() + _STOP_TIMEOUT
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            raise TimeoutError(f"the {self._name} thread did not end")

    def erase(self, user_id: str) -> None:
        """Erase a user's runs, and wait until none is being worked. Raises `TimeoutError`."""
        self._queue.erase(user_id)
        with self._changed:
            if not self._changed.wait_for(lambda: user_id not in self._at_work, _STOP_TIMEOUT):
                raise TimeoutError(f"the {self._name} run did not end")

    def _work_queue(self, is_first: bool) -> None:
        while not self._is_stopping.is_set():
            try:
                run = self._claim(waits=False)
                if run is None:
                    if is_first:
                        self._idle()
                    run = self._claim(waits=True)
                if run is not None:
                    self._work(run)
                self._logged = ""
            except Exception as error:
                if repr(error) != self._logged:  # once, not at every try
                    self._logged = repr(error)
                    _log.exception(
                        "the queue of %s runs cannot be worked; trying again", self._name
                    )
                self._is_stopping.wait(_PAUSE_AFTER_ERROR)

    def _claim(self, *, waits: bool) -> R | None:
        """Take the run that waited longest. None if there is none, after a change if it `waits`."""
        with self._changed:
            run = self._queue.next_queued(self._at_work)
            if run is not None:
                self._at_work.add(run.user_id)
            elif waits and not self._is_stopping.is_set():
                # Whoever changes something needs the lock, so no change goes unnoticed.
                self._changed.wait()
            return run

    def _work(self, run: R) -> None:
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
            with self._changed:
                self._at_work.discard(run.user_id)
                self._changed.notify_all()
