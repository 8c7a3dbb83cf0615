"""The database, the stores that read and write it, and the adapter files."""

import logging
from dataclasses import dataclass

from adapters_store.files import AdapterFiles, published_folders
from adapters_store.registry import Registry
from feedback.store.log import FeedbackLog
from feedback.text.counts import count
from scheduler.evaluation.suite.run_store import SuiteRunStore
from scheduler.run_store import RunStore
from scheduler.unseen_feedback import UnseenFeedback
from server.data_folder import DatabaseMissingError, DataFolder
from server.database import SharedDatabase, is_empty

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that outlives the process, in one data folder."""

    folder: DataFolder
    database: SharedDatabase
    log: FeedbackLog
    registry: Registry
    files: AdapterFiles
    runs: RunStore
    suite_runs: SuiteRunStore
    unseen: UnseenFeedback


def open_stores(folder: DataFolder) -> Stores:
    """Open and migrate the database, and open the folders beside it.

    Raises `DatabaseMissingError`.
    """
    _refuse_lost_database(folder)
    database = SharedDatabase(folder.database)
    registry, files = Registry(database), AdapterFiles(folder.adapters)
    _finish_erasures(registry, files)
    return Stores(
        folder=folder,
        database=database,
        log=FeedbackLog(database, on_withdrawal=registry.withdraw),
        registry=registry,
        files=files,
        runs=RunStore(database),
        suite_runs=SuiteRunStore(database),
        unseen=UnseenFeedback(database),
    )


def _finish_erasures(registry: Registry, files: AdapterFiles) -> None:
    for user_id, folders in registry.unfinished_erasures().items():
        try:
            files.erase(user_id, folders)
        except OSError:
            _log.exception(
                "files of an erased user could not be deleted; the next start tries again"
            )
        else:
            registry.finish_erasure(user_id)


def _refuse_lost_database(folder: DataFolder) -> None:
    """A new database would know nobody, and nobody would own the adapters that are there."""
    adapters = len(published_folders(folder.adapters))
    if adapters and is_empty(folder.database):
        raise DatabaseMissingError(
            f"the database {folder.database} is missing or empty, but {folder.adapters} holds"
            f" {count(adapters, 'adapter')}. Nothing was changed. Restore the database; or move"
            f" {folder.adapters} away, to begin anew"
        )
