"""The tables of this package."""

from sqlite_utils import Database, Migrations

import adapters_store.schema
import feedback.store.schema

_migrations = Migrations("scheduler")
_index_migrations = Migrations("scheduler_index")
MIGRATION_SETS = (_migrations, _index_migrations)


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


@_migrations()
def index_runs_in_order(database: Database) -> None:
    """An index that has each user's runs in the order of creation."""
    database.execute("CREATE INDEX runs_in_order ON runs (user_id)")


@_index_migrations()
def create_unseen_feedback(database: Database) -> None:
    """The index of unseen feedback, filled from what is there, and the triggers that keep it.

    All columns but `items` are positions in the audit: the user's `newest` entry, that when the
    last run began to read, what a run with a verdict has `seen`, the last rollback, and what was
    `watched`. `items` counts what changed after `seen` and `rolled_back`. A position is always one
    of the user's own entries, because an erasure can free the numbers of others.
    """
    database.execute(
        """
        CREATE TABLE unseen_feedback (
            user_id TEXT PRIMARY KEY,
            newest INTEGER NOT NULL,
            reading INTEGER NOT NULL DEFAULT 0,
            seen INTEGER NOT NULL DEFAULT 0,
            rolled_back INTEGER NOT NULL DEFAULT 0,
            watched INTEGER NOT NULL DEFAULT 0,
            items INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID
        """
    )
    for statement in (*_FILL_INDEX, *_KEEP_INDEX):
        database.execute(statement)
    database.execute("CREATE INDEX unseen_feedback_by_items ON unseen_feedback (items)")
    database.execute(
        "CREATE INDEX unwatched_feedback ON unseen_feedback (user_id, newest)"
        " WHERE newest > watched"
    )


@_index_migrations()
def index_withdrawals(database: Database) -> None:
    """Whose version in use was withdrawn, and not retrained since: `withdrawal` is 0 if nobody's,
    1 if no run has read the feedback since, 2 if one has.

    Earlier releases let versions answer whose feedback was deleted. They are withdrawn now.
    """
    database.execute("ALTER TABLE unseen_feedback ADD COLUMN withdrawal INTEGER NOT NULL DEFAULT 0")
    for statement in (*_KEEP_WITHDRAWALS, *_WITHDRAW_EARLIER):
        database.execute(statement)
    database.execute(
        "CREATE INDEX pending_withdrawals ON unseen_feedback (withdrawal) WHERE withdrawal > 0"
    )


_COUNT = (
    "SELECT count(DISTINCT feedback_id) FROM feedback_audit AS entry"
    " WHERE entry.user_id = unseen_feedback.user_id AND trains = 1 AND sequence >"
)
# Earlier releases compared times. Whatever was new by its time is after this position.
_BEFORE = (
    "coalesce((SELECT min(sequence) - 1 FROM feedback_audit AS entry"
    " WHERE entry.user_id = unseen_feedback.user_id AND trains = 1 AND entry.at > past.at), newest)"
)
_FILL_INDEX = (
    "INSERT INTO unseen_feedback (user_id, newest)"
    " SELECT user_id, max(sequence) FROM feedback_audit WHERE trains = 1 GROUP BY user_id",
    # The newest run is the one with the greatest rowid, whatever the clock said.
    f"UPDATE unseen_feedback SET seen = {_BEFORE} FROM ("
    "SELECT user_id, coalesce(started_at, created_at) AS at, max(rowid) FROM runs"
    " WHERE status IN ('promoted', 'refused') AND dataset_hash IS NOT NULL GROUP BY user_id"
    ") AS past WHERE past.user_id = unseen_feedback.user_id",
    f"UPDATE unseen_feedback SET rolled_back = {_BEFORE} FROM ("
    "SELECT user_id, max(at) AS at FROM adapter_promotions WHERE undoes IS NOT NULL"
    " GROUP BY user_id) AS past WHERE past.user_id = unseen_feedback.user_id",
    f"UPDATE unseen_feedback SET items = ({_COUNT} max(seen, rolled_back))",
    "UPDATE unseen_feedback SET watched = newest"
    " WHERE user_id NOT IN (SELECT user_id FROM adapter_pointers WHERE number IS NOT NULL)",
)
_KEEP_INDEX = (
    # An item that changed before, but after both positions, is counted already.
    """
    CREATE TRIGGER unseen_feedback_grows AFTER INSERT ON feedback_audit WHEN NEW.trains = 1 BEGIN
        INSERT OR IGNORE INTO unseen_feedback (user_id, newest) VALUES (NEW.user_id, 0);
        UPDATE unseen_feedback SET newest = NEW.sequence, items = items + NOT EXISTS (
            SELECT 1 FROM feedback_audit AS entry WHERE entry.user_id = NEW.user_id AND trains = 1
            AND feedback_id = NEW.feedback_id AND sequence > max(seen, rolled_back)
            AND sequence < NEW.sequence
        ) WHERE user_id = NEW.user_id;
    END
    """,
    """
    CREATE TRIGGER unseen_feedback_is_read AFTER UPDATE OF status ON runs
    WHEN NEW.status = 'running' BEGIN
        UPDATE unseen_feedback SET reading = newest WHERE user_id = NEW.user_id;
    END
    """,
    f"""
    CREATE TRIGGER unseen_feedback_is_seen AFTER UPDATE OF status ON runs
    WHEN NEW.status IN ('promoted', 'refused') AND NEW.dataset_hash IS NOT NULL BEGIN
        UPDATE unseen_feedback SET seen = reading, items = ({_COUNT} max(reading, rolled_back))
        WHERE user_id = NEW.user_id;
    END
    """,
    """
    CREATE TRIGGER unseen_feedback_is_rolled_back AFTER INSERT ON adapter_promotions
    WHEN NEW.undoes IS NOT NULL BEGIN
        UPDATE unseen_feedback SET rolled_back = newest, items = 0 WHERE user_id = NEW.user_id;
    END
    """,
    """
    CREATE TRIGGER unseen_feedback_is_erased AFTER DELETE ON feedback_audit BEGIN
        DELETE FROM unseen_feedback WHERE user_id = OLD.user_id;
    END
    """,
)
_KEEP_WITHDRAWALS = (
    """
    CREATE TRIGGER withdrawal_is_pending AFTER UPDATE OF withdrawn_at ON adapter_versions
    WHEN NEW.withdrawn_at IS NOT NULL AND EXISTS (SELECT 1 FROM adapter_pointers
    WHERE user_id = NEW.user_id AND number = NEW.number) BEGIN
        INSERT OR IGNORE INTO unseen_feedback (user_id, newest) VALUES (NEW.user_id, 0);
        UPDATE unseen_feedback SET withdrawal = 1 WHERE user_id = NEW.user_id;
    END
    """,
    """
    CREATE TRIGGER withdrawal_is_read AFTER UPDATE OF status ON runs
    WHEN NEW.status = 'running' BEGIN
        UPDATE unseen_feedback SET withdrawal = 2 WHERE user_id = NEW.user_id AND withdrawal = 1;
    END
    """,
    """
    CREATE TRIGGER withdrawal_is_seen AFTER UPDATE OF status ON runs
    WHEN NEW.status IN ('promoted', 'refused') AND NEW.dataset_hash IS NOT NULL BEGIN
        UPDATE unseen_feedback SET withdrawal = 0 WHERE user_id = NEW.user_id AND withdrawal = 2;
    END
    """,
)
# The audit has no text: whatever was given before a version's run, and deleted after it began, may
# be in its weights.
_RUN_BEGAN = "coalesce((SELECT started_at FROM runs WHERE id = run_id), created_at)"
_WITHDRAW_EARLIER = (
    f"""
    UPDATE adapter_versions SET withdrawn_at = (
        SELECT max(gone.at) FROM feedback_audit AS gone
        WHERE gone.user_id = adapter_versions.user_id AND gone.trains = 1
        AND gone.action = 'deleted' AND gone.at >= {_RUN_BEGAN}
        AND EXISTS (SELECT 1 FROM feedback_audit AS given WHERE given.user_id = gone.user_id
            AND given.trains = 1 AND given.feedback_id = gone.feedback_id
            AND given.sequence < gone.sequence AND given.at < {_RUN_BEGAN})
    ) WHERE example_ids != '[]'
    """,
    """
    INSERT INTO adapter_promotions (user_id, from_number, to_number, by, at, reason)
    SELECT user_id, number, NULL, 'withdrawal', withdrawn_at,
        'v' || number || ' may have learned from feedback that was deleted'
    FROM adapter_pointers JOIN adapter_versions USING (user_id, number)
    WHERE withdrawn_at IS NOT NULL
    """,
    """
    UPDATE adapter_pointers SET number = NULL WHERE EXISTS (
        SELECT 1 FROM adapter_versions AS v WHERE v.user_id = adapter_pointers.user_id
        AND v.number = adapter_pointers.number AND withdrawn_at IS NOT NULL)
    """,
)


def migrate(database: Database) -> None:
    """Bring the tables up to date."""
    with database.atomic():
        _migrations.apply(database)


def migrate_index(database: Database) -> None:
    """Bring all tables and the index over them up to date."""
    feedback.store.schema.migrate(database)
    adapters_store.schema.migrate(database)
    migrate(database)
    with database.atomic():
        _index_migrations.apply(database)
