"""Runs a server in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

from server.data_folder import RunningServer, find_server

START_SECONDS = 300
PROGRAM = """
from server.http_server import HttpServer
from server.services import Services
from server.settings import Settings

services = Services(Settings())
try:
    HttpServer(services, on_listening=lambda url: None).run()
finally:
    services.stop()
"""


@contextmanager
def serving(
    model: Path,
    data: Path,
    *,
    max_files: int | None = None,
    log: IO[bytes] | None = None,
    program: str = PROGRAM,
    environment: Mapping[str, str] | None = None,
) -> Iterator[tuple[subprocess.Popen[bytes], RunningServer]]:
    """Run a server, with this hard limit of open files; it is killed at the end if it still runs.

    What it writes to stderr goes to `log`. More of its settings may be in `environment`.
    """
    variables = {
        **os.environ,
        "LORALEI_MODEL": str(model),
        "LORALEI_DATA_DIR": str(data),
        "LORALEI_PORT": "0",
        "LORALEI_THREADS": "1",
        **(environment or {}),
    }
    command = [sys.executable, "-c", program]
    if max_files is not None:
        command = ["sh", "-c", f'ulimit -n {max_files} && exec "$@"', "sh", *command]
    with subprocess.Popen(command, env=variables, stderr=log) as process:
        try:
            yield process, _wait_until_ready(process, data)
        finally:
            process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], data: Path) -> RunningServer:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        server = find_server(data)
        if server is not None and httpx.get(f"{server.url}/ready", timeout=60).is_success:
            return server
        time.sleep(0.05)
    raise AssertionError("the server did not become ready")
