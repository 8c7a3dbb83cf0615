"""A server for the demo: its own process, on a free port, on its own data folder."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from rich.console import Console

from server.data_folder import RunningServer, find_server

START_SECONDS = 240.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.2


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why."""


@contextmanager
def demo_server(folder: Path, model: str, console: Console) -> Iterator[RunningServer]:
    """Serve `model`, wait until it answers, and stop it at the end. Raises `DemoError`."""
    data, log = folder / "data", folder / "server.log"
    environment = os.environ | {
        "LORALEI_MODEL": model,
        "LORALEI_DATA_DIR": str(data),
        "LORALEI_PORT": "0",
    }
    command = [sys.executable, "-P", "-m", "server.cli", "serve"]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            with console.status("Starting a server …"):
                server = _await_server(process, data, log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _await_server(process: "subprocess.Popen[bytes]", data: Path, log: Path) -> RunningServer:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            lines = log.read_text(errors="replace").splitlines()[-5:]
            raise DemoError("the server stopped:\n" + "\n".join(lines))
        server = find_server(data)
        if server is not None and _is_ready(server):
            return server
        time.sleep(POLL_SECONDS)
    raise DemoError("the server took too long to start")


def _is_ready(server: RunningServer) -> bool:
    try:
        return httpx.get(f"{server.url}/ready", trust_env=False).is_success
    except httpx.TransportError:  # a busy machine that is loading the model, or a server that died
        return False
