"""How much is stored of each user: a table that triggers keep, so that no request counts rows."""

from sqlite_utils import Database

from feedback.records import StorageUse

_TEXTS = {
    "interactions": ("messages", "replies", "metadata"),
    "feedback": ("correction", "comment", "metadata"),
}


def find_storage_use(database: Database, user_id: str) -> StorageUse:
    """How much is stored of the user."""
    rows = database.query(
        "SELECT items, bytes, pending FROM storage_use WHERE user_id = ?", [user_id]
    )
    return next((StorageUse(**row) for row in rows), StorageUse())


def create_storage_use(database: Database) -> None:
    """Make the table and its triggers, and count what is there."""
    database.execute("""
        CREATE TABLE storage_use (
            user_id TEXT PRIMARY KEY,
            items INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            pending INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID""")
    counted = " UNION ALL ".join(
        f"SELECT user_id, {_bytes(table, table)} AS bytes, {_pending(table)} AS pending"
        f" FROM {table}"
        for table in _TEXTS
    )
    database.execute(
        "INSERT INTO storage_use SELECT user_id, count(*), sum(bytes), sum(pending)"
        f" FROM ({counted}) GROUP BY user_id"
    )
    for table in _TEXTS:
        for trigger in _triggers(table):
            database.execute(trigger)


def _triggers(table: str) -> tuple[str, ...]:
    new, old = ((_bytes(table, row), _pending(row)) for row in ("NEW", "OLD"))
    return (
        f"""
        CREATE TRIGGER storage_use_of_new_{table} AFTER INSERT ON {table} BEGIN
            INSERT OR IGNORE INTO storage_use VALUES (NEW.user_id, 0, 0, 0);
            UPDATE storage_use SET items = items + 1, bytes = bytes + {new[0]},
            pending = pending + {new[1]} WHERE user_id = NEW.user_id;
        END
        """,
        f"""
        CREATE TRIGGER storage_use_of_changed_{table} AFTER UPDATE ON {table} BEGIN
            UPDATE storage_use SET bytes = bytes + {new[0]} - {old[0]},
            pending = pending + {new[1]} - {old[1]} WHERE user_id = NEW.user_id;
        END
        """,
        f"""
        CREATE TRIGGER storage_use_of_deleted_{table} AFTER DELETE ON {table} BEGIN
            UPDATE storage_use SET items = items - 1, bytes = bytes - {old[0]},
            pending = pending - {old[1]} WHERE user_id = OLD.user_id;
            DELETE FROM storage_use WHERE user_id = OLD.user_id AND items = 0;
        END
        """,
    )


def _bytes(table: str, row: str) -> str:
    texts = (f"coalesce(length(CAST({row}.{text} AS BLOB)), 0)" for text in _TEXTS[table])
    return f"({' + '.join(texts)})"


def _pending(row: str) -> str:
    return f"({row}.status = 'pending')"  # no interaction has this status
