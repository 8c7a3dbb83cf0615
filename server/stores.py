"""The database, the stores that read and write it, and the adapter files."""

from dataclasses import dataclass

from adapters_store.files import AdapterFiles
from adapters_store.registry import Registry
from feedback.store.log import FeedbackLog
from feedback.store.proposals import ProposalStore
from scheduler.evaluation.suite.run_store import SuiteRunStore
from scheduler.run_store import RunStore
from server.data_folder import DataFolder
from server.database import SharedDatabase


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that outlives the process, in one data folder."""

    folder: DataFolder
    database: SharedDatabase
    log: FeedbackLog
    proposals: ProposalStore
    registry: Registry
    files: AdapterFiles
    runs: RunStore
    suite_runs: SuiteRunStore


def open_stores(folder: DataFolder) -> Stores:
    """Open and migrate the database, and open the folders beside it."""
    database = SharedDatabase(folder.database)
    return Stores(
        folder=folder,
        database=database,
        log=FeedbackLog(database),
        proposals=ProposalStore(database),
        registry=Registry(database),
        files=AdapterFiles(folder.adapters),
        runs=RunStore(database),
        suite_runs=SuiteRunStore(database),
    )
