"""One child process: reads its messages, pauses it, waits for its end."""

import json
import os
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NICENESS = 10

_STDERR_KEPT = 4096
_LINE_LIMIT = 1 << 20
_READ_SIZE = 1 << 16


class ChildProcess:
    """A child in its own session; if it `is_nice`, with a lower priority. For one thread only.

    Use it as a context manager: leaving kills the child. The child's standard input ends when this
    process ends, however that happens.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, is_nice: bool = True
    ) -> None:
        self._selector = selectors.DefaultSelector()
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            # Ctrl-C in the terminal must not reach the child: the server decides.
            start_new_session=True,
        )
        if is_nice:
            self._lower_priority()
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._stdin = self._process.stdin
        self._selector.register(self._process.stdout, selectors.EVENT_READ, self._keep_output)
        self._selector.register(self._process.stderr, selectors.EVENT_READ, self._keep_error)
        for pipe in (self._process.stdout, self._process.stderr):
            os.set_blocking(pipe.fileno(), False)
        self._output = b""
        self._errors = b""
        self._has_spoken = False
        self.is_paused = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the child and close its pipes."""
        self.kill()
        self._selector.close()
        assert self._process.stdout and self._process.stderr
        for pipe in (self._stdin, self._process.stdout, self._process.stderr):
            pipe.close()

    @property
    def has_ended(self) -> bool:
        """Whether the child has ended; it may have left unread messages."""
        return self._process.poll() is not None

    def messages(self, wait: float) -> list[dict[str, Any]]:
        """Return its JSON objects, waiting up to `wait` seconds for some; drop other lines."""
        for key, _ in self._selector.select(wait):
            self._read(key)
        *lines, self._output = self._output.split(b"\n")
        self._output = self._output[-_LINE_LIMIT:]
        messages = [message for line in lines if (message := _message(line)) is not None]
        self._has_spoken = self._has_spoken or bool(messages)
        return messages

    def send(self, line: str) -> None:
        """Write one short line to its standard input, unless it has ended."""
        with suppress(BrokenPipeError):
            self._stdin.write(f"{line}\n".encode())

    def set_paused(self, is_paused: bool) -> None:
        """Stop the child or let it continue.

        Before its first message it is not stopped: it could outlive this process. From then on the
        kernel ends it with its parent, even if it is stopped and cannot see its input end.
        """
        if is_paused != self.is_paused and self._has_spoken:
            self._signal(signal.SIGSTOP if is_paused else signal.SIGCONT)
            self.is_paused = is_paused

    def wait(self, timeout: float) -> None:
        """Close its input, let it continue, and wait up to `timeout` seconds for its end."""
        self._stdin.close()
        self.set_paused(False)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)

    def kill(self) -> None:
        """Kill the child and its process group, if it still runs."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def exit_reason(self) -> str:
        """A sentence for users that says why the child ended."""
        code = self._process.poll()
        assert code is not None
        if code == -signal.SIGKILL:
            return "the training process was killed: it ran out of memory, or somebody killed it"
        if code < 0:
            return f"the training process was ended by signal {-code} ({signal.strsignal(-code)})"
        lines = self._errors.decode("utf-8", "replace").strip().splitlines()
        last = f": {lines[-1].strip()[:300]}" if lines else ""
        if code == 0:
            return f"the training process ended without a result{last}"
        return f"the training process failed with exit code {code}{last}"

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            # Not reaped yet, so no other group can have this id.
            os.killpg(self._process.pid, number)

    def _lower_priority(self) -> None:
        niceness = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        os.setpriority(os.PRIO_PROCESS, self._process.pid, niceness)
        # If Linux shares the CPU between sessions (sched(7), autogroup), the child's session needs
        # it as well: a process's own niceness counts only within its session.
        with suppress(OSError):
            Path(f"/proc/{self._process.pid}/autogroup").write_text(str(niceness))

    def _read(self, key: selectors.SelectorKey) -> None:
        data = os.read(key.fd, _READ_SIZE)
        if not data:
            self._selector.unregister(key.fileobj)
        key.data(data)

    def _keep_output(self, data: bytes) -> None:
        self._output += data

    def _keep_error(self, data: bytes) -> None:
        self._errors = (self._errors + data)[-_STDERR_KEPT:]


def _message(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
