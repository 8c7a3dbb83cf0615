"""The tables of this package."""

from sqlite_utils import Database, Migrations

_migrations = Migrations("scheduler")


@_migrations()
def create_runs(database: Database) -> None:
    """Create the table; its unique index allows one open run per user."""
    database.execute(
        """
        CREATE TABLE runs (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL,
            status TEXT NOT NULL,
            trigger TEXT NOT NULL,
            requested_by TEXT NOT NULL,
            created_at REAL NOT NULL,
            started_at REAL,
            finished_at REAL,
            progress TEXT NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            version INTEGER,
            dataset_hash TEXT,
            report TEXT NOT NULL DEFAULT '{}',
            usage TEXT NOT NULL DEFAULT '{}',
            is_cancel_requested INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """
    )
    database.execute(
        "CREATE UNIQUE INDEX one_open_run_per_user ON runs (user_id)"
        " WHERE status IN ('queued', 'running')"
    )
    database.execute("CREATE INDEX runs_by_user ON runs (user_id, created_at)")
    database.execute("CREATE INDEX runs_by_status ON runs (status, created_at)")


@_migrations()
def create_suite_runs(database: Database) -> None:
    """Create the evaluation suite's table; its unique index allows one open run per version."""
    database.execute(
        """
        CREATE TABLE suite_runs (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            base_revision TEXT NOT NULL,
            status TEXT NOT NULL,
            trigger TEXT NOT NULL,
            requested_by TEXT NOT NULL,
            created_at REAL NOT NULL,
            started_at REAL,
            finished_at REAL,
            progress TEXT NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            measures TEXT NOT NULL DEFAULT '[]'
        ) STRICT
        """
    )
    database.execute(
        "CREATE UNIQUE INDEX one_open_suite_run_per_version ON suite_runs (user_id, version)"
        " WHERE status IN ('queued', 'running')"
    )
    database.execute(
        "CREATE INDEX suite_runs_by_version ON suite_runs (user_id, version, created_at)"
    )
    database.execute("CREATE INDEX suite_runs_by_status ON suite_runs (status, created_at)")


def migrate(database: Database) -> None:
    """Bring the tables up to date."""
    with database.atomic():
        _migrations.apply(database)
