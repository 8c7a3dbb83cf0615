"""`loralei backup`: a copy of everything that must not be lost, while the server serves."""

import shutil
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.utils import sqlite3

from adapters_store.files import WEIGHTS_FILE
from adapters_store.records import AdapterVersion
from adapters_store.registry_reader import all_versions
from server.backup.manifest import BackupError, Files, copy_file, flush, write_manifest
from server.data_folder import (
    ADAPTERS_FOLDER,
    CHOICE_FILE,
    DATABASE_FILE,
    ERASURES_FILE,
    DataFolder,
)
from server.database import SharedDatabase
from server.storage.checks import open_to_read


@dataclass(frozen=True, slots=True)
class Backup:
    """What was copied; `damaged` names versions whose files were not whole, such as
    `v3 of user-1`: they are left out."""

    versions: int
    size_bytes: int
    damaged: list[str]


def make_backup(
    folder: DataFolder,
    database: SharedDatabase,
    target: Path,
    elsewhere: Callable[[], Collection[str]] = frozenset,
) -> Backup:
    """Copy the database as it is at one moment, and the adapters that it names, to a new folder.

    Other callers of the database wait while it is copied. Adapters that are only `elsewhere`, in an
    object storage, are not copied. Raises `BackupError`.
    """
    try:
        is_inside = target.resolve().is_relative_to(folder.path.resolve())
        is_new = not target.exists()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL, a circle of links
        raise BackupError(f"no folder can have the name {str(target)[:80]!r}") from error
    if is_inside:
        raise BackupError(f"{target} is inside the data folder: choose a folder elsewhere")
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise BackupError(f"{target} is not empty: choose a new folder")
        try:
            return _fill(folder, database, target, elsewhere)
        except BaseException:
            _remove(target, itself=is_new)
            raise
    except (OSError, RecursionError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise BackupError(f"the backup {target} could not be written: {reason}") from error


def _fill(
    folder: DataFolder,
    database: SharedDatabase,
    target: Path,
    elsewhere: Callable[[], Collection[str]],
) -> Backup:
    made_at = time.time()
    database.copy_to(target / DATABASE_FILE)
    files: Files = {DATABASE_FILE: flush(target / DATABASE_FILE)}
    with open_to_read(target / DATABASE_FILE) as connection, Database(connection) as copy:
        versions = all_versions(copy)
    missing = []
    for version in versions:
        theirs = _copy_version(folder.adapters, version, target)
        files.update(theirs)
        if not theirs:
            missing.append(version)
    # What was erased or withdrawn meanwhile is not damaged.
    still = {each.folder for each in all_versions(database)} if missing else set()
    still -= {*elsewhere()} if missing else set()
    damaged = [f"{each.label} of {each.user_id}" for each in missing if each.folder in still]
    # The log of erasures last: whoever was erased meanwhile is in the copied database.
    for name in (CHOICE_FILE, ERASURES_FILE):
        if (folder.path / name).exists():
            files[name] = copy_file(folder.path / name, target / name)
    write_manifest(target, files, made_at)
    size = sum(file.size_bytes for file in files.values())
    return Backup(len(versions) - len(missing), size, damaged)


def _copy_version(adapters: Path, version: AdapterVersion, target: Path) -> Files:
    """The copied files of a version; none if it is damaged, or was erased meanwhile."""
    source, inside = adapters / version.folder, Path(ADAPTERS_FOLDER, version.folder)
    files: Files = {}
    with suppress(FileNotFoundError):
        for path in _content(source):
            name = inside / path.name
            files[name.as_posix()] = copy_file(path, target / name)
    weights = files.get((inside / WEIGHTS_FILE).as_posix())
    if weights is not None and weights.sha256 == version.checksum:
        return files
    shutil.rmtree(target / inside, ignore_errors=True)
    return {}


def _content(source: Path) -> Iterable[Path]:
    """An adapter's own files. What begins with a dot is only of use to this server."""
    return sorted(source.glob("[!.]*"))


def _remove(target: Path, *, itself: bool) -> None:
    for path in target.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if itself:
        target.rmdir()
