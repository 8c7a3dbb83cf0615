"""Who is killed, and when: at a named step of the code, or at a random moment."""

import importlib
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Any

from tests.processes import children


class Victim(StrEnum):
    """Which process is killed."""

    SERVER = "server"
    CHILD = "child"
    BOTH = "both"


@dataclass(frozen=True)
class Step:
    """Before or after one call of a function, such as `adapters_store.registry:Registry.promote`.

    `call` counts the calls from 1. With `in_child` the training child runs the function.
    """

    function: str
    is_after: bool = False
    call: int = 1
    in_child: bool = False

    def __str__(self) -> str:
        place = "after" if self.is_after else "before"
        number = f" #{self.call}" if self.call > 1 else ""
        return f"{place} {self.function.replace(':', '.')}{number}"


def arm(step: Step, victim: Victim, switch: Path) -> None:
    """Let this process kill the victim at the step. Calls count while the file `switch` is there.

    The function is replaced where callers look it up: a function that a module imported by name
    must be named as that module's.
    """
    module, _, path = step.function.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    setattr(owner, name, _with_kill(getattr(owner, name), step, victim, switch))


def _with_kill(
    function: Callable[..., Any], step: Step, victim: Victim, switch: Path
) -> Callable[..., Any]:
    lock, calls = threading.Lock(), 0

    def is_time() -> bool:
        nonlocal calls
        if not switch.exists():
            return False
        with lock:
            calls += 1
            return calls == step.call

    @wraps(function)
    def with_kill(*args: Any, **options: Any) -> Any:
        if not step.is_after and is_time():
            _kill_from_within(step, victim)
        result = function(*args, **options)
        if step.is_after and is_time():
            _kill_from_within(step, victim)
        return result

    return with_kill


def _kill_from_within(step: Step, victim: Victim) -> None:
    server, trainers = os.getpid(), children()
    if step.in_child:
        server, trainers = os.getppid(), [os.getpid()]
    kill(server, trainers, victim)


def kill(server: int, trainers: list[int], victim: Victim) -> None:
    """Kill the victim; of both the child last, because it may be this process."""
    # The other way round if this process is the server.
    order = [*trainers, server] if server == os.getpid() else [server, *trainers]
    for pid in order:
        if victim is Victim.BOTH or (pid == server) == (victim is Victim.SERVER):
            with suppress(ProcessLookupError):  # it has ended by itself
                os.kill(pid, signal.SIGKILL)
