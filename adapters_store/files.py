"""Adapter folders on disk: staged, published under a random name, verified before use.

A published folder never changes. `validate` checks that a folder is an adapter.
"""

import re
import secrets
import shutil
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from adapters_store.durable import publish_folder, sha256_of
from adapters_store.errors import AdapterInvalidError, AdapterNotFoundError
from adapters_store.records import AdapterVersion, ServableAdapter, StagedAdapter

WEIGHTS_FILE = "adapter_model.safetensors"

_FOLDER_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class PublishedAdapter:
    """A published adapter: its random folder name, its weights' SHA-256, the size of all files."""

    folder: str
    checksum: str
    size_bytes: int


class AdapterFiles:
    """The folders of all adapter versions under one root. Safe to share between threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._staging = root / ".staging"
        self._staging.mkdir(parents=True, exist_ok=True)
        self._verified: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def stage(self) -> Path:
        """Make a new empty folder, on the same file system as the published ones."""
        folder = self._staging / secrets.token_hex(16)
        folder.mkdir()
        return folder

    def publish(self, staged: Path) -> PublishedAdapter:
        """Move a staged folder to its final name, durably.

        Raises `ValueError` if the folder is not staged, `AdapterInvalidError` if it has no weights.
        """
        if not staged.resolve().is_relative_to(self._staging.resolve()):
            raise ValueError(f"{staged} is not a staged folder")
        weights = staged / WEIGHTS_FILE
        if not weights.is_file() or weights.is_symlink():
            raise AdapterInvalidError(f"the adapter has no {WEIGHTS_FILE}")
        published = PublishedAdapter(
            folder=secrets.token_hex(16),
            checksum=sha256_of(weights),
            size_bytes=sum(path.stat().st_size for path in staged.iterdir()),
        )
        publish_folder(staged, self._root / published.folder)
        return published

    def staged(self, folder: Path) -> StagedAdapter:
        """A staged folder as an adapter that can be opened like a version.

        Raises `ValueError` if the folder is not staged, `OSError` if it has no weights.
        """
        if folder.parent.resolve() != self._staging.resolve():
            raise ValueError(f"{folder} is not a staged folder")
        return StagedAdapter(folder.name, sha256_of(folder / WEIGHTS_FILE))

    def open(self, version: ServableAdapter) -> Path:
        """A version's folder; this object verifies its checksum once.

        Raises `AdapterNotFoundError` for missing weights, `AdapterInvalidError` for changed ones.
        """
        weights = self._path(version) / WEIGHTS_FILE
        if not weights.is_file():
            raise AdapterNotFoundError(f"the files of {version.label} are missing")
        key = (version.folder, version.checksum)
        with self._lock:
            if key in self._verified:
                return weights.parent
        if sha256_of(weights) != version.checksum:
            raise AdapterInvalidError(f"the weights of {version.label} are damaged")
        with self._lock:
            self._verified.add(key)
        return weights.parent

    def remove(self, version: AdapterVersion) -> None:
        """Delete a version's folder, if it is still there."""
        path = self._path(version)
        with self._lock:
            self._verified.discard((version.folder, version.checksum))
        if path.exists():
            shutil.rmtree(path)

    def sweep(self, known_folders: Collection[str]) -> int:
        """Delete leftovers of a crash: staged folders, and published ones not in `known_folders`.

        Returns how many. Call it only while nothing is being staged or published.
        """
        orphans = list(self._staging.iterdir())
        for path in self._root.iterdir():
            if _FOLDER_NAME.fullmatch(path.name) and path.name not in known_folders:
                orphans.append(path)
        for path in orphans:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        return len(orphans)

    def _path(self, version: ServableAdapter) -> Path:
        # The database could have been edited or restored from anywhere.
        if not _FOLDER_NAME.fullmatch(version.folder):
            raise AdapterInvalidError(f"the folder name of {version.label} is not one of ours")
        root = self._staging if isinstance(version, StagedAdapter) else self._root
        return root / version.folder
