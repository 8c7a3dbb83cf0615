"""Submits a training task to a Ray cluster and follows it. The only file that imports Ray."""

import logging
import signal
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayError,
    WorkerCrashedError,
)

from scheduler.records import RayConfig
from scheduler.trainer.cluster.job_files import Files
from scheduler.trainer.cluster.task import Message, train_files

MAX_RETRIES = 2
"""How often a run starts again because its node was lost. The fit is deterministic: it is the
same."""

_POLL = 0.1  # seconds
_MIN_WAIT = 60.0
"""A run waits at least so many seconds for a node: its worker has to start, too."""

_CANCEL_GRACE = 4.0
_LOST = WorkerCrashedError, NodeDiedError, ObjectLostError


class ClusterError(RuntimeError):
    """The cluster did not train the job; users see the message."""


class Driver:
    """A connection to a cluster, as a context manager, for one job at a time.

    `send` is given what the node says. Once `is_cancelled()`, the task is ended.
    """

    def __init__(
        self,
        config: RayConfig,
        timeout: float,
        send: Callable[[Message], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._config = config
        self._timeout = timeout
        self._send = send
        self._is_cancelled = is_cancelled

    def __enter__(self) -> Self:
        """Raises `ClusterError` if the cluster cannot be used."""
        address = self._config.address
        try:
            # The nodes' output is not wanted here.
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # it raises anything
            reason = str(error).strip().partition("\n")[0]
            raise ClusterError(f"the Ray cluster {address} cannot be used: {reason}") from error
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Ray has set a handler
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        ray.shutdown()

    def train(self, files: Files) -> Files | None:
        """The files of the job's result; None if it was cancelled. Raises `ClusterError`."""
        for tries_left in reversed(range(1 + MAX_RETRIES)):
            try:
                return self._try(files)
            except _LOST as error:
                if not tries_left:
                    reason = f"the run was lost with its node {1 + MAX_RETRIES} times"
                    raise ClusterError(f"{reason}: {_first_line(error)}") from error
                phase = "starting again: the node was lost"
                self._send({"progress": {"phase": phase, "fraction": 0.0}})
            except OutOfMemoryError as error:
                raise ClusterError("the node ran out of memory during the run") from error
            except RayError as error:
                raise ClusterError(f"the Ray cluster failed: {_first_line(error)}") from error
        raise AssertionError("unreachable")

    def _try(self, files: Files) -> Files | None:
        """Submit the task once and follow it. Raises `RayError` and `ClusterError`."""
        config = self._config
        # A worker ends with its task, so that nothing of a user stays in its memory.
        task: Any = ray.remote(
            num_cpus=config.num_cpus,
            num_gpus=config.num_gpus,
            num_returns="streaming",
            max_calls=1,
            max_retries=0,
        )(train_files)
        stream = task.remote(files, config, self._timeout)
        wait = max(self._timeout, _MIN_WAIT)
        deadline = time.monotonic() + wait
        has_begun = False
        while not self._is_cancelled():
            ready, _ = ray.wait([stream], timeout=_POLL)
            if not ready:
                if not has_begun and time.monotonic() > deadline:
                    self._cancel(stream)
                    raise ClusterError(self._no_place(wait))
                continue
            message = _next_of(stream)
            has_begun = True
            if "files" in message:
                found: Files = message["files"]
                return found
            if "failed" in message:
                raise ClusterError(message["failed"])
            self._send(message)
        self._cancel(stream)
        return None

    def _cancel(self, stream: Any) -> None:
        """Interrupt the task, wait until it has removed its files, or end its worker."""
        ray.cancel(stream)
        deadline = time.monotonic() + _CANCEL_GRACE
        while time.monotonic() < deadline:
            if ray.wait([stream.completed()], timeout=_POLL)[0]:
                return
        ray.cancel(stream, force=True)

    def _no_place(self, waited: float) -> str:
        config = self._config
        return (
            f"no node of the Ray cluster had room for the run within {waited:g} seconds: it"
            f" needs num_cpus = {config.num_cpus} and num_gpus = {config.num_gpus:g}"
        )


def _next_of(stream: Any) -> Message:
    """The next message of a task that must not end yet."""
    try:
        message: Message = ray.get(next(stream))
    except StopIteration:
        raise WorkerCrashedError from None
    return message


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:300]
