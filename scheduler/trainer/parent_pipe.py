"""The training child's connection to its parent. Works before torch is imported."""

import ctypes
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Reporter:
    """Writes messages to standard output, as JSON lines, about one job or, without, about all."""

    def __init__(self, job: str | None = None) -> None:
        self._about = {} if job is None else {"job": job}
        self._phase = "starting"
        self._begin, self._end = 0.0, 0.0

    def enter(self, phase: str, begin: float, end: float) -> None:
        """Begin a phase that spans this part of the whole run, both in 0..1."""
        self._phase, self._begin, self._end = phase, begin, end
        self._send_progress(begin, 0, 0, None)

    def report(self, step: int, steps: int, loss: float) -> None:
        """Send how far the current phase is."""
        fraction = self._begin + (self._end - self._begin) * step / steps
        self._send_progress(fraction, step, steps, loss)

    def send(self, message: dict[str, Any]) -> None:
        """Write one line of JSON."""
        sys.stdout.write(json.dumps(message | self._about) + "\n")
        sys.stdout.flush()

    def _send_progress(self, fraction: float, step: int, steps: int, loss: float | None) -> None:
        at = {"phase": self._phase, "fraction": fraction, "step": step, "steps": steps}
        self.send({"progress": at | {"loss": loss}})


class ParentPipe(Reporter):
    """Also reads the folders of jobs from standard input.

    Make it before the first message: the parent may stop this process from then on.
    """

    def __init__(self) -> None:
        super().__init__()
        # A service manager signals every process of a service: the parent decides when this ends.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        _die_with_parent()

    @property
    def has_job(self) -> bool:
        """Whether the parent has named a job's folder that nobody asked for yet."""
        return not self._jobs.empty()

    def job_folder(self) -> Path:
        """Wait for the parent to name a job's folder."""
        return Path(self._jobs.get())

    def _listen(self) -> None:
        for line in sys.stdin:
            self._jobs.put(line.removesuffix("\n"))
        os._exit(1)  # the parent is gone


def _die_with_parent() -> None:
    """Let Linux kill this process with its parent: a stopped one cannot see its input end.

    Linux means the *thread* that started this process; that of `ProcessTrainer.run` outlives it.
    A parent that died before this call has not stopped the child yet, so the child sees its input
    end. On other systems, a child that is stopped when its parent dies stays stopped.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
