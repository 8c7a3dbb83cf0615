"""Adapter folders on disk: staged, published under a random name, verified before use.

A published folder never changes. `validate` checks that a folder is an adapter.
"""

import contextlib
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from weakref import WeakValueDictionary

from adapters_store.durable import publish_folder, sha256_of
from adapters_store.errors import AdapterInvalidError, AdapterNotFoundError
from adapters_store.records import AdapterVersion, StagedAdapter, StoredAdapter
from adapters_store.remote.eviction import CachedFolder, to_evict
from adapters_store.remote.object_storage import ObjectStorage, RemoteStorageError
from adapters_store.trash import KEPT_DAYS, Trash, delete

_log = logging.getLogger(__name__)

WEIGHTS_FILE = "adapter_model.safetensors"
PACKED_PREFIX = ".packed-"
"""How a copy of the weights in an engine's layout is called. It may be deleted at any time."""

_VERIFIED_FILE = ".verified"
IN_USE_SECONDS = 3600.0
"""So long after it was opened, a folder counts as in use."""
_USE_RESOLUTION = 60.0

# Earlier versions wrote names without an owner: 32 random digits.
_NO_OWNER = re.compile(r"[0-9a-f]{32}")
_FOLDER_NAME = re.compile(r"[0-9a-f]{32}|[0-9a-f]{16}-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class PublishedAdapter:
    """A published adapter: its folder's name, its weights' SHA-256, the size of all files."""

    folder: str
    checksum: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SweepResult:
    """How many staged leftovers were deleted, and how many versions went to the trash or came back
    from it."""

    deleted: int
    trashed: int
    restored: int


class _Lock:
    """A lock that goes with the last thread that holds or awaits it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class AdapterFiles:
    """The folders of all adapter versions under one root. Safe to share between threads.

    A folder's name is a hash of its user's id and random digits: without the database, too, a
    user's folders can be found and erased, and no id becomes a path.

    With a `remote` storage every folder is there, too, before it is here; what is missing here is
    fetched. Methods that change it raise `RemoteStorageError`, an `OSError`, if it fails.
    """

    def __init__(self, root: Path, remote: ObjectStorage | None = None) -> None:
        self._root = root
        self._remote = remote
        self._fetches: WeakValueDictionary[str, _Lock] = WeakValueDictionary()
        self.trash = Trash(root / ".trash")
        self._staging = root / ".staging"
        self._staging.mkdir(parents=True, exist_ok=True)
        self._verified: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def stage(self) -> Path:
        """Make a new empty folder, on the same file system as the published ones."""
        folder = self._staging / secrets.token_hex(16)
        folder.mkdir()
        return folder

    def publish(self, staged: Path, *, user_id: str) -> PublishedAdapter:
        """Move a user's staged folder to its final name, durably.

        Raises `ValueError` if the folder is not staged, `AdapterInvalidError` if it has no weights.
        """
        if not staged.resolve().is_relative_to(self._staging.resolve()):
            raise ValueError(f"{staged} is not a staged folder")
        weights = staged / WEIGHTS_FILE
        if not weights.is_file() or weights.is_symlink():
            raise AdapterInvalidError(f"the adapter has no {WEIGHTS_FILE}")
        published = PublishedAdapter(
            folder=_owner(user_id) + secrets.token_hex(8),
            checksum=sha256_of(weights),
            size_bytes=sum(path.stat().st_size for path in staged.iterdir()),
        )
        self._publish(staged, published.folder)
        return published

    def adopt(self, staged: Path, folder: str, *, checksum: str, user_id: str) -> None:
        """Move a staged folder to the name that it had elsewhere, durably.

        Raises `AdapterInvalidError` if its weights do not have this checksum, or if the name is
        taken or not one of the user's.
        """
        weights = staged / WEIGHTS_FILE
        if not weights.is_file() or sha256_of(weights) != checksum:
            raise AdapterInvalidError(f"the weights in {folder[:40]} are missing or damaged")
        is_theirs = folder.startswith(_owner(user_id)) or _NO_OWNER.fullmatch(folder)
        if not _FOLDER_NAME.fullmatch(folder) or not is_theirs or (self._root / folder).exists():
            raise AdapterInvalidError(f"the folder {folder[:40]!r} cannot be this user's")
        self._publish(staged, folder)

    def staged(self, folder: Path) -> StagedAdapter:
        """A staged folder as an adapter that can be opened like a version.

        Raises `ValueError` if the folder is not staged, `OSError` if it has no weights.
        """
        if folder.parent.resolve() != self._staging.resolve():
            raise ValueError(f"{folder} is not a staged folder")
        return StagedAdapter(folder.name, sha256_of(folder / WEIGHTS_FILE))

    def open(self, version: StoredAdapter) -> Path:
        """A version's folder. This object verifies its checksum once, unless another one did so.

        A verified file counts as such until its size or its time changes.

        Raises `AdapterNotFoundError` for missing weights, `AdapterInvalidError` for changed ones.
        """
        if self._remote is not None:
            self._note_use(self._path(version))
        return self._open(version)

    def _open(self, version: StoredAdapter) -> Path:
        weights = self._path(version) / WEIGHTS_FILE
        if not weights.is_file() and isinstance(version, AdapterVersion):
            self._fetch(version)
        if not weights.is_file():
            raise AdapterNotFoundError(f"the files of {version.label} are missing")
        key = (version.folder, version.checksum)
        with self._lock:
            if key in self._verified:
                return weights.parent
        status = weights.stat()
        verified = f"{version.checksum} {status.st_size} {status.st_mtime_ns}"
        note = weights.with_name(_VERIFIED_FILE)
        if _read(note) != verified:
            if sha256_of(weights) != version.checksum:
                raise AdapterInvalidError(f"the weights of {version.label} are damaged")
            if not isinstance(version, StagedAdapter):
                with contextlib.suppress(OSError):  # a full disk or a folder that is read-only
                    note.write_text(verified, encoding="ascii")
        with self._lock:
            self._verified.add(key)
        return weights.parent

    def damaged(self, versions: Iterable[AdapterVersion]) -> list[AdapterVersion]:
        """Those whose files are missing or changed; each is read once until it changes.

        Those that are in the remote storage alone are not read.
        """
        remote = self.remote_names()
        return [
            version
            for version in versions
            if not (version.folder in remote and not self._path(version).exists())
            and not self._is_whole(version)
        ]

    def _is_whole(self, version: AdapterVersion) -> bool:
        try:
            self._open(version)
        except (AdapterNotFoundError, AdapterInvalidError, OSError):
            return False
        return True

    def remove(self, version: AdapterVersion) -> None:
        """Delete a version's folder, if it is still there."""
        path = self._path(version)
        with self._lock:
            self._verified.discard((version.folder, version.checksum))
        delete(path)
        if self._remote is not None:
            self._remote.delete({version.folder})

    def remove_folders(self, folders: Collection[str]) -> None:
        """Delete these folders, in the trash, too. Those that are gone already do no harm."""
        for name in published_folders(self._root).intersection(folders):
            delete(self._root / name)
        self.trash.erase(lambda name: name in folders)
        with self._lock:
            self._verified = {key for key in self._verified if key[0] not in folders}
        if self._remote is not None and folders:
            self._remote.delete(folders)

    def erase(self, user_id: str, folders: Iterable[str]) -> None:
        """Delete a user's `folders`, and everything else of theirs, at once: in the trash, too.

        What has no owner in its name could be theirs. In the trash it is deleted as well.
        """
        owner = _owner(user_id)
        published = published_folders(self._root)
        theirs = published.intersection(folders)
        theirs.update(name for name in published if name.startswith(owner))
        for name in theirs:
            delete(self._root / name)
        self.trash.erase(lambda name: name.startswith(owner) or bool(_NO_OWNER.fullmatch(name)))
        with self._lock:
            self._verified = {key for key in self._verified if key[0] not in theirs}
        if self._remote is not None:
            names = self._remote.names()
            self._remote.delete({*folders, *(name for name in names if name.startswith(owner))})

    def sweep(self, known_folders: Collection[str], now: float) -> SweepResult:
        """Delete what a crash left in staging; make the published folders those that are known.

        The others go to the trash, and known ones come back from it. `now` is in UTC seconds. Call
        it only while nothing is being staged or published.
        """
        staged = list(self._staging.iterdir())
        for path in staged:
            delete(path)
        published = published_folders(self._root)
        missing = {name for name in known_folders if _FOLDER_NAME.fullmatch(name)} - published
        restored = [name for name in missing if self.trash.take_back(name, self._root / name)]
        unknown = published.difference(known_folders)
        for name in unknown:
            self.trash.put(self._root / name, now)
        self._note_unknown_there(known_folders, now)
        return SweepResult(deleted=len(staged), trashed=len(unknown), restored=len(restored))

    def remote_names(self) -> set[str]:
        """The names in the remote storage; none without one, or while it cannot be reached."""
        try:
            return self._remote.names() if self._remote is not None else set()
        except RemoteStorageError:
            return set()

    def prune(self, now: float, *, keep: Collection[str]) -> None:
        """Delete what has been in the trash, or unknown in the remote storage, for too long."""
        self.trash.prune(now, keep=keep)
        if self._remote is not None:
            self._remote.prune(now, KEPT_DAYS, keep=keep)

    def shrink(self, max_bytes: int, now: float, *, keep: Collection[str]) -> None:
        """Delete folders here that the remote storage has, the least recently used first, until
        all take at most `max_bytes`. `keep` and what is in use stay. `now` is in UTC seconds."""
        if self._remote is None:
            return
        here, before = published_folders(self._root), now - IN_USE_SECONDS
        keep = {*keep, *(here - self._remote.names())}
        cached = [_cached(self._root / name) for name in here]
        for name in to_evict(cached, max_bytes, before=before, keep=keep):
            self._evict(name, before)

    def _evict(self, name: str, before: float) -> None:
        path, doomed = self._root / name, self._staging / secrets.token_hex(16)
        with self._lock, contextlib.suppress(FileNotFoundError):  # erased meanwhile
            if path.stat().st_mtime >= before:
                return
            path.rename(doomed)
            self._verified = {key for key in self._verified if key[0] != name}
        delete(doomed)

    def _note_use(self, folder: Path) -> None:
        """A folder's own time says when it was last used; it outlives this process."""
        with self._lock, contextlib.suppress(OSError):  # not here, or read-only
            if time.time() - folder.stat().st_mtime > _USE_RESOLUTION:
                os.utime(folder)

    def _publish(self, staged: Path, name: str) -> None:
        # Remote first: whatever the database names is there, and a crash leaves an unknown folder.
        if self._remote is not None:
            self._remote.put(staged, name)
        publish_folder(staged, self._root / name)

    def _fetch(self, version: AdapterVersion) -> None:
        """Bring a folder from the remote storage, once, if it is there and whole."""
        if self._remote is None:
            return
        with self._lock:
            fetching = self._fetches.setdefault(version.folder, _Lock())
        with fetching.lock:
            if (self._path(version) / WEIGHTS_FILE).is_file():
                return
            staged = self.stage()
            try:
                if self._remote.fetch(version.folder, staged):
                    if sha256_of(staged / WEIGHTS_FILE) != version.checksum:
                        raise AdapterInvalidError(f"the weights of {version.label} are damaged")
                    delete(self._path(version))
                    publish_folder(staged, self._path(version))
            except OSError as error:
                message = f"the files of {version.label} could not be fetched: {error}"
                raise AdapterNotFoundError(message) from error
            finally:
                delete(staged)

    def _note_unknown_there(self, known_folders: Collection[str], now: float) -> None:
        if self._remote is None:
            return
        try:
            unknown = _ours(self._remote.names()).difference(known_folders)
            self._remote.note_unknown(unknown, now)
        except RemoteStorageError as error:  # the next start tries again
            _log.warning("unknown adapters in the object storage were not noted: %s", error)

    def _path(self, version: StoredAdapter) -> Path:
        # The database could have been edited or restored from anywhere.
        if not _FOLDER_NAME.fullmatch(version.folder):
            raise AdapterInvalidError(f"the folder name of {version.label} is not one of ours")
        root = self._staging if isinstance(version, StagedAdapter) else self._root
        return root / version.folder


def published_folders(root: Path) -> set[str]:
    """The names of all published folders under `root`, which may be missing."""
    found = root.iterdir() if root.is_dir() else ()
    return _ours(path.name for path in found)


def _cached(folder: Path) -> CachedFolder:
    try:
        size = sum(path.stat().st_size for path in folder.iterdir())
        return CachedFolder(folder.name, size, folder.stat().st_mtime)
    except FileNotFoundError:  # erased, or packed anew, meanwhile
        return CachedFolder(folder.name, 0, time.time())


def _ours(names: Iterable[str]) -> set[str]:
    return {name for name in names if _FOLDER_NAME.fullmatch(name)}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _owner(user_id: str) -> str:
    """How the names of this user's folders begin."""
    return f"{sha256(user_id.encode()).hexdigest()[:16]}-"
