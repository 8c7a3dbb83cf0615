"""A server in a process of its own, told to stop."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from server.data_folder import RunningServer, find_server
from tests.server.live import chat_body, running

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
def serving(model: Path, data: Path) -> Iterator[tuple[subprocess.Popen[bytes], RunningServer]]:
    """Run a server; it is killed at the end if it still runs."""
    environment = os.environ | {
        "LORALEI_MODEL": str(model),
        "LORALEI_DATA_DIR": str(data),
        "LORALEI_PORT": "0",
        "LORALEI_THREADS": "1",
    }
    with subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment) as process:
        try:
            yield process, _wait_until_ready(process, data)
        finally:
            process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], data: Path) -> RunningServer:
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        server = find_server(data)
        if server is not None and httpx.get(f"{server.url}/ready", timeout=60).is_success:
            return server
        time.sleep(0.05)
    raise AssertionError("the server did not become ready")


def test_a_stopped_server_finishes_its_replies_and_exits_cleanly(
    tiny_model: Path, tmp_path: Path
) -> None:
    with serving(tiny_model, tmp_path / "data") as (process, server):
        headers = {"Authorization": f"Bearer {server.token}"}
        body = chat_body(stream=True, max_tokens=200, ignore_eos=True)
        with httpx.stream(
            "POST", f"{server.url}/v1/chat/completions", json=body, headers=headers, timeout=30
        ) as response:
            lines = response.iter_lines()
            next(lines)
            process.send_signal(signal.SIGTERM)
            assert list(lines)[-2:] == ["data: [DONE]", ""]
        assert process.wait(timeout=20) == 0
    assert find_server(tmp_path / "data") is None


def test_after_a_kill_the_data_folder_can_be_used_at_once(tiny_model: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(tiny_model, data) as (process, _):
        process.kill()
        process.wait(timeout=20)
        assert find_server(data) is None
    with running(tiny_model, data, threads=1) as server, server.client() as nobody:
        assert nobody.get("/ready").is_success
