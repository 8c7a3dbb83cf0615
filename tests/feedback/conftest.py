"""A log in memory whose clock stands still at 1000."""

from collections.abc import Iterator

import pytest
from sqlite_utils import Database

from feedback.store.log import FeedbackLog
from feedback.store.proposals import ProposalStore

NOW = 1000.0


@pytest.fixture
def database() -> Iterator[Database]:
    with Database(memory=True) as database:
        yield database


@pytest.fixture
def log(database: Database) -> FeedbackLog:
    return FeedbackLog(database, clock=lambda: NOW)


@pytest.fixture
def proposals(database: Database, log: FeedbackLog) -> ProposalStore:
    """A proposal store on the same database as the log."""
    return ProposalStore(database)
