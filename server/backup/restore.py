"""`loralei restore`: a backup becomes the content of an empty data folder."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from adapters_store.files import published_folders
from server.accounts.accounts import Accounts
from server.backup.erasures import repeat_erasures
from server.backup.manifest import BackupError, copy_file, read_manifest
from server.data_folder import (
    ADAPTERS_FOLDER,
    CHOICE_FILE,
    DATABASE_FILE,
    ERASURES_FILE,
    DataFolder,
    explained,
)
from server.storage.erasure_log import ErasureLog
from server.stores import open_stores

_STAGING = ".restoring"


@dataclass(frozen=True, slots=True)
class Restored:
    """What a data folder holds after a restore, and how many of its users were erased again."""

    accounts: int
    versions: int
    erased: int


def restore(backup: Path, data_dir: Path) -> Restored:
    """Copy a backup into a data folder without a database and adapters, and open it once.

    Erasures that the folder's log has and the backup does not know are repeated. Raises
    `BackupError`, `DataFolderError`.
    """
    files = read_manifest(backup)
    folder = DataFolder(data_dir)
    try:
        _check_empty(folder)
        with explained(data_dir):
            staged = data_dir / _STAGING
            shutil.rmtree(staged, ignore_errors=True)  # of a restore that was cut short
            for name, file in files.items():
                try:
                    copied = copy_file(backup / name, staged / name)
                except FileNotFoundError as error:
                    raise BackupError(f"the backup {backup} lacks {name}") from error
                if copied != file:
                    raise BackupError(f"the backup {backup} is damaged: {name} has changed")
            _put_in_place(staged, folder)
        return _open_once(folder)
    finally:
        folder.release()


def _check_empty(folder: DataFolder) -> None:
    if any(folder.path.glob(f"{DATABASE_FILE}*")) or published_folders(folder.adapters):
        raise BackupError(
            f"{folder.path} is in use: move {DATABASE_FILE}* and {ADAPTERS_FOLDER} out of it, and"
            f" leave {ERASURES_FILE} there: it says who must stay erased"
        )


def _put_in_place(staged: Path, folder: DataFolder) -> None:
    """The database last: adapters without one are not served."""
    folder.adapters.mkdir(exist_ok=True)
    if (staged / ADAPTERS_FOLDER).exists():
        for path in (staged / ADAPTERS_FOLDER).iterdir():
            path.rename(folder.adapters / path.name)
    ErasureLog(folder.erasures).add_missing(ErasureLog(staged / ERASURES_FILE).all())
    for name in (CHOICE_FILE, DATABASE_FILE):
        if (staged / name).exists():
            (staged / name).rename(folder.path / name)
    shutil.rmtree(staged)


def _open_once(folder: DataFolder) -> Restored:
    """Check and migrate what was restored, and erase who must stay erased."""
    stores = open_stores(folder)
    try:
        accounts = Accounts(stores.database)
        erased = repeat_erasures(stores, accounts)
        stores.database.checkpoint()
        return Restored(len(accounts.all()), len(stores.registry.folders()), erased)
    finally:
        stores.database.close()
