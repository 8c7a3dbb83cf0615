"""What ties the training child to its parent: a job in, progress out, no life without the parent.

Needs no torch: it is imported and at work before anything heavy.
"""

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


class ParentPipe:
    """The pipes to the parent: progress out, the job and the parent's death in.

    Make it before the first word to the parent, which may stop this process from then on.
    """

    def __init__(self) -> None:
        self._phase = "starting"
        self._begin, self._end = 0.0, 0.0
        self._jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        _end_with_parent_though_stopped()

    def job_folder(self) -> Path:
        """Wait for a job: the folder that the parent names in a line."""
        return Path(self._jobs.get())

    def enter(self, phase: str, begin: float, end: float) -> None:
        """Begin a phase that spans this part of the whole run, both in 0..1."""
        self._phase, self._begin, self._end = phase, begin, end
        self._tell(begin, 0, 0, None)

    def report(self, step: int, steps: int, loss: float) -> None:
        """Tell how far the current phase is."""
        self._tell(self._begin + (self._end - self._begin) * step / steps, step, steps, loss)

    def send(self, message: dict[str, Any]) -> None:
        """Write one line of JSON."""
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._jobs.put(line.removesuffix("\n"))
        os._exit(1)  # the parent is gone, and nobody waits for the result

    def _tell(self, fraction: float, step: int, steps: int, loss: float | None) -> None:
        progress = {
            "phase": self._phase,
            "fraction": fraction,
            "step": step,
            "steps": steps,
            "loss": loss,
        }
        self.send({"progress": progress})


def _end_with_parent_though_stopped() -> None:
    """Let Linux kill this process with its parent: a stopped one cannot see its input end.

    The parent's end is that of the *thread* which started this process, so `Worker.run`'s must
    outlive it, as it does. A parent that ended before this call has stopped nothing yet, so the
    input's end is seen. Elsewhere than on Linux a child that is stopped when its parent is killed
    stays, stopped.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
