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
from server.http_server.server import HttpServer
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
    has_model: bool = True,
    program: str = PROGRAM,
    environment: Mapping[str, str] | None = None,
) -> Iterator[tuple[subprocess.Popen[bytes], RunningServer]]:
    """Run a server, with this hard limit of open files; it is killed at the end if it still runs.

    What it writes to stderr goes to `log`. Without `has_model` it may still load the model. More
    of its settings may be in `environment`.
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
            path = "/ready" if has_model else "/health"
            yield process, _wait_until_it_answers(process, data, path)
        finally:
            process.kill()


def _wait_until_it_answers(
    process: subprocess.Popen[bytes], data: Path, path: str
) -> RunningServer:
    deadline = time.monotonic() + START_SECONDS
    # One client: each makes certificates ready, which takes as long as the wait between two looks.
    with httpx.Client(timeout=60) as client:
        while process.poll() is None and time.monotonic() < deadline:
            server = find_server(data)
            if server is not None and client.get(f"{server.url}{path}").is_success:
                return server
            time.sleep(0.05)
    raise AssertionError("the server did not become ready")
