"""The data folder: one server locks it, and the command line finds that server through it.

The lock is the kernel's, so it ends with the process, even after a crash.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from server.storage.errors import storage_error
from server.storage.modes import keep_from_others

SERVER_FILE = "server.json"
_LOCK_FILE = ".lock"
DATABASE_FILE = "loralei.db"
CHOICE_FILE = "base-model.json"
ERASURES_FILE = "erasures.jsonl"
ADAPTERS_FOLDER = "adapters"
PROBES_FOLDER = "probes"
_JOBS_FOLDER = "jobs"
_REPLIES_FOLDER = "base-replies"
_OUR_FILES = (
    f"{DATABASE_FILE}*",
    _LOCK_FILE,
    CHOICE_FILE,
    ERASURES_FILE,
    ADAPTERS_FOLDER,
    _JOBS_FOLDER,
    _REPLIES_FOLDER,
    PROBES_FOLDER,
)


class DataFolderError(RuntimeError):
    """This data folder cannot be used as it is; the message says what to do."""


class DataFolderInUseError(DataFolderError):
    """Another server uses this data folder."""


class DatabaseMissingError(DataFolderError):
    """There are adapters, but the database that says whose they are is missing or empty."""


class DatabaseDamagedError(DataFolderError):
    """The database cannot be read to its end."""


class DatabaseTooNewError(DataFolderError):
    """A newer release has changed the database."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a server listens, and a token that acts as admin until it stops."""

    url: str
    token: str
    pid: int


class DataFolder:
    """One server's exclusive hold on a data folder."""

    def __init__(self, path: Path) -> None:
        """Make the folder if it is missing, lock it, and keep it from everybody but its owner.

        From now on this process makes files that only their owner can read. Raises
        `DataFolderInUseError`, and `DataFolderError` if the folder cannot be written to.
        """
        self._path = path
        os.umask(0o077)
        with explained(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _lock(path)
            keep_from_others(path, *self._ours())
            # The file of a killed server would lead the command line to no server, or to another.
            self._server_file.unlink(missing_ok=True)

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self._path

    @property
    def database(self) -> Path:
        """The database's file."""
        return self._path / DATABASE_FILE

    @property
    def adapters(self) -> Path:
        """The folder of adapter versions."""
        return self._path / ADAPTERS_FOLDER

    @property
    def erasures(self) -> Path:
        """The file of the erasures."""
        return self._path / ERASURES_FILE

    @property
    def jobs(self) -> Path:
        """The folder of training jobs while they run."""
        return self._path / _JOBS_FOLDER

    @property
    def reference_replies(self) -> Path:
        """The folder of the base model's cached replies to fixed prompts."""
        return self._path / _REPLIES_FOLDER

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

    def _ours(self) -> list[Path]:
        """What in the folder is the server's: somebody else's files may lie beside it."""
        return [path for pattern in _OUR_FILES for path in self._path.glob(pattern)]

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


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise what the file system refuses in a data folder as `DataFolderError`."""
    try:
        yield
    except OSError as error:
        reason = storage_error(error) or f"{error.strerror or error}."
        raise DataFolderError(f"the data folder {path} cannot be used. {reason}") from error


def _lock(path: Path) -> BinaryIO:
    file = (path / _LOCK_FILE).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        message = f"another server uses the data folder {path}: stop it, or set data_dir"
        raise DataFolderInUseError(message) from error
    return file
