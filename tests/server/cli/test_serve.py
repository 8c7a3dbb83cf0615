"""`loralei serve`, in a process of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.base_model.last_start import read

WAIT_SECONDS = 200  # importing PyTorch takes long on a busy machine

pytestmark = pytest.mark.timeout(3 * WAIT_SECONDS)


@pytest.fixture
def environment(tiny_model: Path, tmp_path: Path) -> dict[str, str]:
    """Settings of a small server on a free port."""
    return os.environ | {
        "LORALEI_MODEL": str(tiny_model),
        "LORALEI_DATA_DIR": str(tmp_path / "data"),
        "LORALEI_PORT": "0",
        "LORALEI_THREADS": "1",
    }


@contextmanager
def serving(environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Start it; kill it at the end if it did not stop."""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "server.cli", "serve"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        timer = threading.Timer(WAIT_SECONDS, process.kill)
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()


def read_until(process: "subprocess.Popen[str]", end: str) -> str:
    """What it prints up to and including the line that holds `end`."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if end in line:
            return text
    raise AssertionError(f"it ended without printing {end!r}:\n{text}")


def started_and_stopped(environment: dict[str, str], by: signal.Signals) -> tuple[str, int]:
    """What it printed, and its exit status."""
    with serving(environment) as process:
        text = read_until(process, "Ready:")
        process.send_signal(by)
        return text, process.wait(WAIT_SECONDS)


def test_the_admin_key_is_shown_at_the_first_start_only(environment: dict[str, str]) -> None:
    first, status = started_and_stopped(environment, signal.SIGINT)
    assert status == 0
    assert re.search(r"http://127\.0\.0\.1:\d+/#key=lk-\S+\n", first)
    assert re.search(r"http://127\.0\.0\.1:\d+/admin\n", first)
    again, _ = started_and_stopped(environment, signal.SIGTERM)
    assert "lk-" not in again
    assert re.search(r"http://127\.0\.0\.1:\d+/\n", again)


def test_a_port_that_is_taken_is_named(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with serving(environment | {"LORALEI_PORT": port}) as process:
            read_until(process, port)
            assert process.wait(WAIT_SECONDS) == 1


def test_memory_and_speed_are_said_and_kept_for_the_doctor(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with serving(environment) as process:
        text = read_until(process, "tokens/s")
        assert re.search(r"tiny takes \d\.\d GB of memory and writes \d+ tokens/s", text)
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_SECONDS) == 0
    measured = read(tmp_path / "data" / "probes")
    assert measured is not None
    assert measured.model == "tiny"


def test_the_model_of_the_first_start_is_kept(environment: dict[str, str]) -> None:
    started_and_stopped(environment, signal.SIGINT)
    text, status = started_and_stopped(environment | {"LORALEI_MODEL": "auto"}, signal.SIGINT)
    assert "Ready: tiny answers" in text
    assert status == 0


def test_a_model_that_is_not_there_ends_it_with_the_reason(environment: dict[str, str]) -> None:
    with serving(environment | {"LORALEI_MODEL": "./no-such-model"}) as process:
        read_until(process, "no-such-model")
        assert process.wait(WAIT_SECONDS) == 1


def test_a_data_folder_that_cannot_be_used_ends_it_with_one_sentence(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    data = str(tmp_path / "file" / "data")
    with serving(environment | {"LORALEI_DATA_DIR": data}) as process:
        text = process.communicate(timeout=WAIT_SECONDS)[0]
        assert process.returncode == 1
    assert "cannot be used" in text and "Traceback" not in text
