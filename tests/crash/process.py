"""The harness's side of the launcher: starts servers, kills them, and waits for their ends."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import httpx

from server.data_folder import RunningServer, find_server
from tests.crash.kills import Step, Victim
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 900.0


@dataclass(frozen=True)
class Order:
    """How to start a server, and which kill it is to carry out itself, if any.

    Its kill waits until the file `switch` is there.
    """

    settings: dict[str, Any]
    switch: Path
    step: Step | None = None
    victim: Victim = Victim.SERVER
    is_child_real: bool = False

    def to_json(self) -> str:
        """One line for the launcher."""
        return json.dumps(asdict(self), default=str)


class Server:
    """A server process that the launcher started."""

    def __init__(self, pid: int, ends: "queue.Queue[str]", data: Path) -> None:
        self.pid = pid
        self._ends = ends
        self._data = data
        self._status: int | None = None

    def wait(self, seconds: float) -> int | None:
        """The exit status, negative for a signal; None if it still runs after so many seconds."""
        if self._status is None:
            try:
                self._status = int(self._ends.get(bool(seconds), seconds or None))
            except queue.Empty:
                return None
        return self._status

    def when_ready(self) -> RunningServer:
        """Where it listens, once it answers. Raises `AssertionError` if it ends before."""
        found: list[RunningServer] = []

        def is_ready() -> bool:
            assert self.wait(0) is None, f"the server ended with status {self._status}"
            server = find_server(self._data)
            # The file of the one before may still be there.
            if server is None or server.pid != self.pid:
                return False
            found.append(server)
            return httpx.get(f"{server.url}/ready", timeout=PATIENCE_SECONDS).is_success

        wait_until(is_ready, PATIENCE_SECONDS)
        return found[-1]

    def stop(self) -> None:
        """Stop it as an operator does. Raises `AssertionError` if that is not clean."""
        os.kill(self.pid, signal.SIGTERM)
        status = self.wait(PATIENCE_SECONDS)
        assert status == 0, f"the stopped server ended with status {status}"


class Launcher:
    """Starts one server at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin and process.stdout
        self._orders = process.stdin
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, args=[process.stdout], daemon=True).start()

    def _read(self, output: IO[str]) -> None:
        for line in output:
            self._lines.put(line)

    def start(self, order: Order) -> Server:
        """Start a server; the one before must have ended."""
        self._orders.write(order.to_json() + "\n")
        self._orders.flush()
        pid = int(self._lines.get(timeout=PATIENCE_SECONDS))
        return Server(pid, self._lines, Path(order.settings["data_dir"]))


@contextmanager
def launching(log: IO[bytes]) -> Iterator[Launcher]:
    """A launcher; it ends with the server that still runs. What servers log goes to `log`."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        # Numba's threads are set up at import. Those of OpenMP would end the forked server.
        "NUMBA_THREADING_LAYER": "workqueue",
    }
    command = [sys.executable, "-m", "tests.crash.launcher"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    ) as process:
        try:
            yield Launcher(process)
        finally:
            process.kill()


def client(server: RunningServer, key: str) -> httpx.Client:
    """A client with this key. Use it in a `with`."""
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(
        base_url=server.url, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False
    )
