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
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.base_model.last_start import read

WAIT_SECONDS = 200  # importing PyTorch takes long on a busy machine

pytestmark = pytest.mark.timeout(3 * WAIT_SECONDS)


def settings(model: Path, data: Path) -> dict[str, str]:
    """The environment of a small server on a free port."""
    return os.environ | {
        "LORALEI_MODEL": str(model),
        "LORALEI_DATA_DIR": str(data),
        "LORALEI_PORT": "0",
        "LORALEI_THREADS": "1",
    }


@pytest.fixture
def environment(tiny_model: Path, tmp_path: Path) -> dict[str, str]:
    """The settings of one test's server."""
    return settings(tiny_model, tmp_path / "data")


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


def started_and_stopped(
    environment: dict[str, str], after: str, by: signal.Signals
) -> tuple[str, int]:
    """What it printed up to the line that holds `after`, and its exit status."""
    with serving(environment) as process:
        text = read_until(process, after)
        process.send_signal(by)
        return text, process.wait(WAIT_SECONDS)


@dataclass(frozen=True)
class TwoStarts:
    """What a server printed at its first start, and at the next one, which names no model.

    The next one is stopped while it measures its speed.
    """

    data: Path
    first: str
    again: str
    statuses: tuple[int, int]


@pytest.fixture(scope="module")
def two_starts(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> TwoStarts:
    data = tmp_path_factory.mktemp("two-starts") / "data"
    environment = settings(tiny_model, data)
    first, interrupted = started_and_stopped(environment, "tokens/s", signal.SIGINT)
    environment["LORALEI_MODEL"] = "auto"
    again, terminated = started_and_stopped(environment, "Ready:", signal.SIGTERM)
    return TwoStarts(data, first, again, (interrupted, terminated))


def test_a_signal_stops_it_cleanly(two_starts: TwoStarts) -> None:
    assert two_starts.statuses == (0, 0)


def test_the_admin_key_is_shown_at_the_first_start_only(two_starts: TwoStarts) -> None:
    assert re.search(r"http://127\.0\.0\.1:\d+/#key=lk-\S+\n", two_starts.first)
    assert re.search(r"http://127\.0\.0\.1:\d+/admin\n", two_starts.first)
    assert "lk-" not in two_starts.again
    assert re.search(r"http://127\.0\.0\.1:\d+/\n", two_starts.again)


def test_memory_and_speed_are_said_and_kept_for_the_doctor(two_starts: TwoStarts) -> None:
    said = r"tiny takes \d\.\d GB of memory and writes \d+ tokens/s"
    assert re.search(said, two_starts.first)
    measured = read(two_starts.data / "probes")
    assert measured is not None
    assert measured.model == "tiny"


def test_the_model_of_the_first_start_is_kept(two_starts: TwoStarts) -> None:
    assert "Ready: tiny answers" in two_starts.again


def test_a_port_that_is_taken_is_named(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with serving(environment | {"LORALEI_PORT": port}) as process:
            read_until(process, port)
            assert process.wait(WAIT_SECONDS) == 1


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
    letters = "".join(text.split())  # the terminal's width breaks lines
    assert letters == f"Error:thedatafolder{data}cannotbeused.Notadirectory."
