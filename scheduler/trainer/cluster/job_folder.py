"""The folder of a job on a node of the cluster: private, and removed with the job."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "loralei-job-"
_LOCK = ".lock"


@contextmanager
def job_folder() -> Iterator[Path]:
    """A new folder for one job. The folders of tasks that were killed are removed first."""
    root = Path(tempfile.gettempdir())
    _sweep(root)
    folder = root / f"{_PREFIX}{secrets.token_hex(16)}"
    lock = _lock_of(folder)
    # Held before the folder is there, so that nobody takes it for an abandoned one.
    with lock:
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)


def _sweep(root: Path) -> None:
    """Remove this account's folders whose lock nobody holds."""
    for folder in root.glob(f"{_PREFIX}*"):
        if not folder.is_dir() or folder.is_symlink() or folder.stat().st_uid != os.getuid():
            continue
        lock = _lock_of(folder)
        try:
            with lock.acquire(timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
                Path(lock.lock_file).unlink(missing_ok=True)
        except (Timeout, OSError):
            continue  # in use


def _lock_of(folder: Path) -> FileLock:
    return FileLock(folder.with_name(folder.name + _LOCK), mode=0o600)
