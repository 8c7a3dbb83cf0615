"""Adapter folders in object storage, through fsspec: `s3://`, `file://` and others."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path, PurePosixPath

from fsspec.core import url_to_fs
from fsspec.utils import get_protocol

WEIGHTS_LAST = "adapter_model.safetensors"
_UNKNOWN = ".unknown"


class RemoteStorageError(OSError):
    """The object storage cannot be reached, or refuses; the message says what it answered."""


class ObjectStorage:
    """The folders under one URL, which belongs to one server. Safe to share between threads.

    Every method raises `RemoteStorageError`.
    """

    def __init__(self, url: str) -> None:
        """Raises `ValueError` if nothing here can read such a URL."""
        local = {"auto_mkdir": True} if get_protocol(url) in ("file", "local") else {}
        try:
            self._fs, root = url_to_fs(url, **local)
        except (ImportError, ValueError) as error:
            raise ValueError(f"adapters_url cannot be used: {error}") from error
        self._root = PurePosixPath(root)

    def put(self, folder: Path, name: str) -> None:
        """Store a folder under a name. The weights come last: without them it is not whole."""
        with _explained():
            for path in sorted(folder.glob("[!.]*"), key=lambda path: path.name == WEIGHTS_LAST):
                self._fs.put_file(str(path), str(self._root / name / path.name))

    def fetch(self, name: str, target: Path) -> bool:
        """Copy a folder's files into an empty one; False if there are none."""
        with _explained():
            names = [path.name for path in self._list(self._root / name)]
            for each in names:
                self._fs.get_file(str(self._root / name / each), str(target / each))
        return bool(names)

    def delete(self, names: Collection[str]) -> None:
        """Delete folders. Those that are gone already do no harm."""
        with _explained():
            for path in self._list(self._root):
                if path.name in names:
                    self._fs.rm(str(path), recursive=True)
            for path in self._unknown():
                if path.name in names:
                    self._fs.rm_file(str(path))

    def names(self) -> set[str]:
        """The names of all folders."""
        with _explained():
            return {path.name for path in self._list(self._root)} - {_UNKNOWN}

    def note_unknown(self, names: Collection[str], now: float) -> None:
        """Note since when folders are unknown, and forget it of all others. `now` is in UTC
        seconds."""
        today = datetime.fromtimestamp(now, UTC).date().isoformat()
        with _explained():
            noted = self._unknown()
            for path in noted:
                if path.name not in names:
                    self._fs.rm_file(str(path))
            for name in set(names) - {path.name for path in noted}:
                self._fs.pipe_file(str(self._root / _UNKNOWN / today / name), b"-")

    def prune(self, now: float, days: int, *, keep: Collection[str]) -> None:
        """Delete what has been unknown for more than so many days, except `keep`."""
        oldest = datetime.fromtimestamp(now, UTC).date() - timedelta(days=days)
        with _explained():
            noted = self._unknown()
        old = {each.name for each in noted if date.fromisoformat(each.parent.name) < oldest}
        if gone := old.difference(keep):
            self.delete(gone)

    def _unknown(self) -> list[PurePosixPath]:
        days = self._list(self._root / _UNKNOWN)
        return [path for day in days for path in self._list(day)]

    def _list(self, folder: PurePosixPath) -> list[PurePosixPath]:
        self._fs.invalidate_cache()
        try:
            found = self._fs.ls(str(folder), detail=False)
        except FileNotFoundError:
            return []
        return [PurePosixPath(each.rstrip("/")) for each in found]


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each storage has errors of its own
        raise RemoteStorageError(f"the object storage failed: {error}") from error
