"""A training child with the jobs that it works. The threads of these jobs watch it in turn."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scheduler.errors import TrainingCancelledError, TrainingFailedError
from scheduler.records import Progress
from scheduler.trainer.pauses import Pauses
from scheduler.trainer.process import ChildProcess

_POLL = 0.02  # seconds; a chat request shares the processor with training for no longer


@dataclass(slots=True)
class _Job:
    """The messages about a job that its thread has not read, and its part of the child's time."""

    messages: deque[dict[str, Any]] = field(default_factory=deque)
    worked: float = 0.0


class SharedChild:
    """Stops the child while `is_busy()`, except for the turns of `Pauses`.

    A job may take `timeout` seconds. Pauses do not count, and jobs share the time equally.
    """

    def __init__(self, child: ChildProcess, is_busy: Callable[[], bool], timeout: float) -> None:
        self._child = child
        self._is_busy = is_busy
        self._timeout = timeout
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._last = time.monotonic()
        self._pauses = Pauses()
        self._num_at_end: int | None = None

    @property
    def has_ended_with_several(self) -> bool:
        """Whether the child ended while it worked for several jobs."""
        return self._num_at_end is not None and self._num_at_end > 1

    def has_room(self, most: int) -> bool:
        """Whether the child lives and has fewer than `most` jobs."""
        with self._lock:
            return not self._child.has_ended and len(self._jobs) < most

    def add(self, folder: Path) -> None:
        """Give the child a job."""
        with self._lock:
            self._jobs[folder.name] = _Job()
            self._child.send(str(folder))

    def remove(self, folder: Path) -> bool:
        """Take a job away; return whether it was the last one."""
        with self._lock:
            del self._jobs[folder.name]
            return not self._jobs

    def close(self, grace: float) -> None:
        """Give the child so many seconds to end, then kill it."""
        with self._child:
            self._child.wait(grace)

    def watch(
        self,
        folder: Path,
        on_progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> float:
        """Wait until a job is done; return for how many seconds it was not paused.

        Raises `TrainingFailedError` and `TrainingCancelledError`.
        """
        own = self._jobs[folder.name]
        while True:
            has_ended = self._poll()
            while own.messages:
                message = own.messages.popleft()
                if message.get("done") is True:
                    return own.worked
                if message.get("begun") is True:
                    own.worked = 0.0  # it waited for a device
                if isinstance(message.get("failed"), str):
                    raise TrainingFailedError(message["failed"], own.worked)
                if isinstance(message.get("progress"), dict):
                    on_progress(_progress(message["progress"]))
            if is_cancelled():
                raise TrainingCancelledError("the run was cancelled", own.worked)
            if has_ended:
                raise TrainingFailedError(self._child.exit_reason(), own.worked)
            if own.worked > self._timeout:
                reason = f"training took longer than {self._timeout:g} seconds"
                raise TrainingFailedError(reason, own.worked)

    def _poll(self) -> bool:
        """Read messages, pause the child or let it continue; return whether it has ended."""
        with self._lock:
            has_ended = self._child.has_ended
            messages = self._child.messages(0.0 if has_ended else _POLL)
            now = time.monotonic()
            passed, self._last, has_worked = now - self._last, now, not self._child.is_paused
            for job in self._jobs.values():
                job.worked += passed / len(self._jobs) if has_worked else 0.0
            for message in messages:
                about = message.get("job")  # none: about all
                for name, job in self._jobs.items():
                    if about in (None, name):
                        job.messages.append(message)
            if has_ended and not messages:
                self._num_at_end = self._num_at_end or len(self._jobs)
                return True
            must_pause = self._pauses.must_pause(
                passed, has_worked=has_worked, is_busy=self._is_busy()
            )
            self._child.set_paused(must_pause)
            return False


def _progress(row: Mapping[str, Any]) -> Progress:
    return Progress(
        phase=str(row.get("phase", "training"))[:40],
        fraction=min(1.0, max(0.0, _number(row.get("fraction")) or 0.0)),
        step=int(_number(row.get("step")) or 0),
        steps=int(_number(row.get("steps")) or 0),
        loss=_number(row.get("loss")),
    )


def _number(value: object) -> float | None:
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None
