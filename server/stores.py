"""The database, the stores that read and write it, and the adapter files."""

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.utils import sqlite3

from adapters_store.files import AdapterFiles, published_folders
from adapters_store.records import AdapterVersion
from adapters_store.registry import Registry
from adapters_store.registry_reader import all_versions
from adapters_store.remote.object_storage import ObjectStorage
from adapters_store.schema import migrations as adapter_migrations
from feedback.records import ORGANISATION, StorageLimits
from feedback.store.documents import Documents
from feedback.store.log import FeedbackLog
from feedback.store.schema import migrations as feedback_migrations
from feedback.text.counts import count
from scheduler.evaluation.suite.run_store import SuiteRunStore
from scheduler.run_store import RunStore
from scheduler.schema import MIGRATION_SETS as SCHEDULER_MIGRATIONS
from scheduler.unseen_feedback import UnseenFeedback
from server.accounts.schema import migrations as account_migrations
from server.data_folder import (
    ADAPTERS_FOLDER,
    DATABASE_FILE,
    DatabaseDamagedError,
    DatabaseMissingError,
    DatabaseTooNewError,
    DataFolder,
    DataFolderError,
    explained,
)
from server.database import SharedDatabase
from server.storage.checks import is_empty, is_whole, open_to_read, unknown_migrations
from server.storage.erasure_log import ErasureLog
from server.storage.errors import DamagedError, StorageError, storage_error
from server.storage.write_probe import why_not_writable

_MIGRATIONS = (
    feedback_migrations,
    adapter_migrations,
    *SCHEDULER_MIGRATIONS,
    account_migrations,
)

DAMAGED_ADAPTER = (
    "copy their folder from a backup. Until then an earlier version or the base model answers"
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that outlives the process, in one data folder."""

    folder: DataFolder
    database: SharedDatabase
    log: FeedbackLog
    documents: Documents
    registry: Registry
    files: AdapterFiles
    runs: RunStore
    suite_runs: SuiteRunStore
    unseen: UnseenFeedback
    erasures: ErasureLog


def open_stores(
    folder: DataFolder,
    limits: StorageLimits | None = None,
    remote: ObjectStorage | None = None,
) -> Stores:
    """Check, open and migrate the database, and open the folders beside it.

    Raises `DataFolderError` if the database is missing, damaged or too new, or if nothing can be
    written; the message says what to do.
    """
    check_database(folder.path)
    with explained(folder.path), _explained_database(folder.database):
        database = SharedDatabase(folder.database)
        try:
            return _stores(folder, database, limits, remote)
        except BaseException:
            database.close()
            raise


def remote_storage(url: str) -> ObjectStorage | None:
    """The object storage at `adapters_url`, None without one. Raises `ValueError`."""
    return ObjectStorage(url) if url else None


def check_database(data_dir: Path) -> None:
    """Read the whole database of a data folder, and change nothing.

    No database is fine, unless there are adapters. Raises `DataFolderError`.
    """
    path = data_dir / DATABASE_FILE
    with _explained_database(path):
        _refuse_lost_database(path, data_dir / ADAPTERS_FOLDER)
        if not path.exists():
            return
        with open_to_read(path) as connection:
            if not is_whole(connection):
                raise DatabaseDamagedError(_damaged(path))
            unknown = unknown_migrations(connection, _MIGRATIONS)
    if unknown:
        raise DatabaseTooNewError(
            f"a newer release of Loralei has changed the database {path} ({unknown[0]})."
            " Nothing was changed now. Install that release again, or restore a backup that this"
            " release made"
        )


def damaged_adapters(data_dir: Path, remote: ObjectStorage | None = None) -> list[str]:
    """The versions whose files are missing or damaged, such as `v3 of user-1`.

    Each file is read once until it changes. The database must be usable.
    """
    path = data_dir / DATABASE_FILE
    if is_empty(path):
        return []
    with open_to_read(path) as connection, Database(connection) as database:
        versions = all_versions(database)
    if not versions:
        return []
    return _damaged_of(versions, AdapterFiles(data_dir / ADAPTERS_FOLDER, remote))


def report_damage(stores: Stores) -> None:
    """Log which versions have damaged files, and what to do."""
    for name in _damaged_of(all_versions(stores.database), stores.files):
        _log.error("the files of %s are damaged: %s", name, DAMAGED_ADAPTER)


def _damaged_of(versions: Iterable[AdapterVersion], files: AdapterFiles) -> list[str]:
    return [f"{each.label} of {each.user_id}" for each in files.damaged(versions)]


def _stores(
    folder: DataFolder,
    database: SharedDatabase,
    limits: StorageLimits | None,
    remote: ObjectStorage | None,
) -> Stores:
    registry, files = Registry(database), AdapterFiles(folder.adapters, remote)
    runs = RunStore(database)
    finish_erasures(registry, files)

    def withdraw(user_id: str, example_ids: Collection[str], at: float) -> None:
        registry.withdraw(user_id, example_ids, at, to_ancestor=user_id == ORGANISATION)
        runs.forget_quotes(user_id)

    log = FeedbackLog(database, limits=limits, on_withdrawal=withdraw)
    return Stores(
        folder=folder,
        database=database,
        log=log,
        documents=Documents(database, log),
        registry=registry,
        files=files,
        runs=runs,
        suite_runs=SuiteRunStore(database),
        unseen=UnseenFeedback(database),
        erasures=ErasureLog(folder.erasures),
    )


@contextmanager
def _explained_database(path: Path) -> Iterator[None]:
    """Raise what SQLite refuses as `DataFolderError`."""
    try:
        yield
    except (sqlite3.Error, StorageError) as error:
        failure = error if isinstance(error, StorageError) else storage_error(error)
        if isinstance(failure, DamagedError):
            raise DatabaseDamagedError(_damaged(path)) from error
        # On a full disk SQLite may only say that reading or writing failed.
        reason = why_not_writable(path.parent) or failure or error
        raise DataFolderError(f"the database {path} cannot be used. {reason}") from error


def _damaged(path: Path) -> str:
    return (
        f"the database {path} is damaged. Nothing was changed. Restore a backup into an empty data"
        " folder: loralei restore FOLDER"
    )


def finish_erasures(registry: Registry, files: AdapterFiles) -> None:
    """Delete the files of erased users that are still there. What fails is logged."""
    for user_id, folders in registry.unfinished_erasures().items():
        try:
            files.erase(user_id, folders)
        except OSError:
            _log.exception(
                "files of an erased user could not be deleted; the next start tries again"
            )
        else:
            registry.finish_erasure(user_id)


def _refuse_lost_database(database: Path, adapters: Path) -> None:
    """A new database would know nobody, and nobody would own the adapters that are there."""
    published = len(published_folders(adapters))
    if published and is_empty(database):
        raise DatabaseMissingError(
            f"the database {database} is missing or empty, but {adapters} holds"
            f" {count(published, 'adapter')}. Nothing was changed. Restore the database; or move"
            f" {adapters} away, to begin anew"
        )
