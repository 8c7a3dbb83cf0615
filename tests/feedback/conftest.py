"""A log in memory whose clock stands still at 1000."""

from collections.abc import Iterator

import pytest
from sqlite_utils import Database

from feedback.store.log import FeedbackLog

NOW = 1000.0


@pytest.fixture
def database() -> Iterator[Database]:
    with Database(memory=True) as database:
        yield database


@pytest.fixture
def log(database: Database) -> FeedbackLog:
    return FeedbackLog(database, clock=lambda: NOW)
