"""One child process: its messages, and stopping it."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.trainer.process import ChildProcess
from tests.processes import newer_children

SPEAK_AND_READ = "import sys; print('{}', flush=True); sys.stdin.read()"
SAY_PID = "import json, os; print(json.dumps({'pid': os.getpid()}), flush=True); input()"
STAY_SILENT = "import sys; sys.stdin.read()"
WAIT_FOR_A_JOB = """
from scheduler.trainer.parent_pipe import ParentPipe
parent = ParentPipe()
parent.enter("waiting", 0.0, 1.0)
parent.job_folder()
parent.send({"done": True})
"""


def child(code: str) -> ChildProcess:
    return ChildProcess([sys.executable, "-S", "-c", code], os.environ)


@pytest.fixture(scope="module", autouse=True)
def training_priority() -> None:
    """As users have it."""


@pytest.fixture
def speaking() -> Iterator[ChildProcess]:
    """A child that has sent a message, and ends with its input."""
    with child(SPEAK_AND_READ) as process:
        deadline = time.monotonic() + 20
        while not process.messages(0.1):
            assert time.monotonic() < deadline
        yield process


def test_waiting_for_a_stopped_child_lets_it_end(speaking: ChildProcess) -> None:
    speaking.set_paused(True)
    speaking.wait(20)
    assert speaking.has_ended


def test_a_stopped_child_can_be_killed(speaking: ChildProcess) -> None:
    speaking.set_paused(True)
    speaking.kill()
    assert speaking.has_ended


def test_pausing_a_child_that_has_ended_does_nothing(speaking: ChildProcess) -> None:
    speaking.kill()
    speaking.set_paused(True)
    assert speaking.has_ended


def test_a_child_without_a_message_is_not_stopped() -> None:
    with child(STAY_SILENT) as silent:
        silent.set_paused(True)
        assert not silent.is_paused


def test_a_child_outlives_the_end_signal_of_its_service() -> None:
    own = newer_children()
    with child(WAIT_FOR_A_JOB) as waiting:
        deadline = time.monotonic() + 20
        while not waiting.messages(0.1):
            assert time.monotonic() < deadline
        for pid in own():
            os.kill(pid, signal.SIGTERM)
        waiting.send("folder")
        while not waiting.has_ended:
            assert time.monotonic() < deadline
        assert waiting.messages(0.0) == [{"done": True}]


def test_the_childs_whole_session_has_a_lower_priority() -> None:
    if not Path("/proc/self/autogroup").exists():
        pytest.skip("this kernel does not share the CPU between sessions")
    with child(SAY_PID) as it:
        deadline = time.monotonic() + 20
        while not (said := it.messages(0.1)):
            assert time.monotonic() < deadline
        pid = said[0]["pid"]
        niceness = os.getpriority(os.PRIO_PROCESS, pid)
        assert Path(f"/proc/{pid}/autogroup").read_text().strip().endswith(f"nice {niceness}")
