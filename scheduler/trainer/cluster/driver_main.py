"""The driver: `python -m scheduler.trainer.cluster.driver_main CONFIG TIMEOUT` has one job trained.

It behaves as a training child does: a line on standard input names the job's folder, where the
result goes, too, and progress goes to standard output. The end of standard input cancels the task.
"""

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from scheduler.records import RayConfig
from scheduler.trainer.cluster.job_files import job_files, unpack_result


class Parent:
    """The server's process, at the other end of the pipes."""

    def __init__(self) -> None:
        # A service manager signals every process of a service: the parent decides when this ends.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._is_gone = threading.Event()

    def job_folder(self) -> Path:
        """Wait for the parent to name a job's folder."""
        line = sys.stdin.readline()
        threading.Thread(target=self._listen, daemon=True).start()
        return Path(line.removesuffix("\n"))

    def is_gone(self) -> bool:
        """Whether the parent has ended or no longer wants the job."""
        return self._is_gone.is_set()

    def send(self, message: dict[str, Any]) -> None:
        """Write one line of JSON."""
        with suppress(BrokenPipeError):
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()

    def _listen(self) -> None:
        sys.stdin.read()
        self._is_gone.set()


def main() -> None:
    """Have the job trained, and report that it is done or why it failed."""
    # Read once, by the import. A try to reach the head takes 40 seconds; by default there are 20.
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")
    from scheduler.trainer.cluster.driver import ClusterError, Driver

    config, timeout = RayConfig(**json.loads(sys.argv[1])), float(sys.argv[2])
    parent = Parent()
    folder = parent.job_folder()
    try:
        with Driver(config, timeout, parent.send, parent.is_gone) as driver:
            files = driver.train(job_files(folder))
    except ClusterError as error:
        parent.send({"failed": str(error)})
        return
    if files is not None:
        unpack_result(files, folder)
        parent.send({"done": True})


if __name__ == "__main__":
    main()
