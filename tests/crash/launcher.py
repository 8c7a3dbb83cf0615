"""Starts servers quickly: has imported everything, and forks one server after another.

A line of JSON on standard input starts a server. Two lines on standard output say its process id,
and, once it has ended, its exit status (negative: the signal).
"""

import ctypes
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import server.runtime  # noqa: F401  # takes seconds, and the server would import it
from scheduler.trainer.worker import ProcessTrainer
from server.http_server.server import HttpServer
from server.services import Services
from server.settings import Settings
from tests.crash.kills import Step, Victim, arm
from tests.crash.training_child import ORDER

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Fork a server for each line, and wait for its end."""
    _die_with_parent()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _be_a_server(json.loads(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _be_a_server(order: dict[str, Any]) -> None:
    _die_with_parent()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    try:
        _serve(order)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _serve(order: dict[str, Any]) -> None:
    assert ProcessTrainer.__init__.__kwdefaults__ is not None
    ProcessTrainer.__init__.__kwdefaults__["module"] = "tests.crash.training_child"
    os.environ[ORDER] = json.dumps(order)
    if order["step"] is not None and not order["step"]["in_child"]:
        arm(Step(**order["step"]), Victim(order["victim"]), Path(order["switch"]))
    services = Services(Settings(**order["settings"]))
    try:
        HttpServer(services, on_listening=lambda url: None).run()
    finally:
        services.stop()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))


if __name__ == "__main__":
    main()
