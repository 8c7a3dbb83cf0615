"""The data folder: one server locks it, and the command line finds that server through it.

The lock is the kernel's, so it ends with the process, even after a crash.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

SERVER_FILE = "server.json"
_LOCK_FILE = ".lock"
ADAPTERS_FOLDER = "adapters"
PROBES_FOLDER = "probes"


class DataFolderError(RuntimeError):
    """This data folder cannot be used as it is; the message says what to do."""


class DataFolderInUseError(DataFolderError):
    """Another server uses this data folder."""


class DatabaseMissingError(DataFolderError):
    """There are adapters, but the database that says whose they are is missing or empty."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a server listens, and a token that acts as admin until it stops."""

    url: str
    token: str
    pid: int


class DataFolder:
    """One server's exclusive hold on a data folder."""

    def __init__(self, path: Path) -> None:
        """Make the folder if it is missing, and lock it. Raises `DataFolderInUseError`."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._lock = _lock(path)
        # The file of a killed server would lead the command line to no server, or to another one.
        self._server_file.unlink(missing_ok=True)

    @property
    def database(self) -> Path:
        """The database's file."""
        return self._path / "loralei.db"

    @property
    def adapters(self) -> Path:
        """The folder of adapter versions."""
        return self._path / ADAPTERS_FOLDER

    @property
    def jobs(self) -> Path:
        """The folder of training jobs while they run."""
        return self._path / "jobs"

    @property
    def reference_replies(self) -> Path:
        """The folder of the base model's cached replies to fixed prompts."""
        return self._path / "base-replies"

    @property
    def probes(self) -> Path:
        """The folder of what probes found out about base models."""
        return self._path / PROBES_FOLDER

    def announce(self, url: str, token: str) -> None:
        """Let the command line of the same operating system user find this server."""
        server = RunningServer(url=url, token=token, pid=os.getpid())
        staged = self._path / f".{SERVER_FILE}"
        staged.unlink(missing_ok=True)
        with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(server), file)
        staged.rename(self._server_file)

    def release(self) -> None:
        """Unlock the folder. A second call does nothing."""
        if not self._lock.closed:
            self._server_file.unlink(missing_ok=True)
            self._lock.close()

    @property
    def _server_file(self) -> Path:
        return self._path / SERVER_FILE


def find_server(path: Path) -> RunningServer | None:
    """The server that uses a data folder, or None if none listens (yet)."""
    try:
        with (path / _LOCK_FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    except OSError:
        return None
    else:
        return None
    try:
        return RunningServer(**json.loads((path / SERVER_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _lock(path: Path) -> BinaryIO:
    file = (path / _LOCK_FILE).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        message = f"another server uses the data folder {path}: stop it, or set data_dir"
        raise DataFolderInUseError(message) from error
    return file
