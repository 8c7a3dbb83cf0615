"""The tables of this package, as named, append-only migrations."""

from sqlite_utils import Database, Migrations

migrations = Migrations("adapters_store")

WITHOUT_QUOTES = "json_remove(report, '$.samples', '$.rules')"
"""The report of a training without what it quotes of its user, as SQL."""


def migrate(database: Database) -> None:
    """Bring the tables up to date."""
    with database.atomic():
        migrations.apply(database)


@migrations()
def create_versions(database: Database) -> None:
    """Every user's versions. Rows never change."""
    database.execute("""
        CREATE TABLE adapter_versions (
            user_id TEXT NOT NULL,
            number INTEGER NOT NULL CHECK (number >= 1),
            parent INTEGER,
            folder TEXT NOT NULL UNIQUE,
            checksum TEXT NOT NULL,
            size_bytes INTEGER NOT NULL,
            base_model TEXT NOT NULL,
            base_revision TEXT NOT NULL,
            lora TEXT NOT NULL CHECK (json_valid(lora)),
            created_at REAL NOT NULL,
            created_by TEXT NOT NULL,
            run_id TEXT,
            dataset_hash TEXT,
            seed INTEGER,
            example_ids TEXT NOT NULL CHECK (json_valid(example_ids)),
            report TEXT NOT NULL CHECK (json_valid(report)),
            PRIMARY KEY (user_id, number)
        ) STRICT""")


@migrations()
def create_promotions(database: Database) -> None:
    """Every move of a pointer, and its position; a NULL number is the base model.

    `undoes` of a rollback is the promotion that it undoes.
    """
    database.execute("""
        CREATE TABLE adapter_promotions (
            id INTEGER PRIMARY KEY,
            user_id TEXT NOT NULL,
            from_number INTEGER,
            to_number INTEGER,
            by TEXT NOT NULL,
            at REAL NOT NULL,
            reason TEXT NOT NULL,
            undoes INTEGER UNIQUE REFERENCES adapter_promotions (id),
            FOREIGN KEY (user_id, from_number) REFERENCES adapter_versions (user_id, number),
            FOREIGN KEY (user_id, to_number) REFERENCES adapter_versions (user_id, number)
        ) STRICT""")
    database.execute("CREATE INDEX adapter_promotions_by_user ON adapter_promotions (user_id, id)")
    database.execute("""
        CREATE TABLE adapter_pointers (
            user_id TEXT PRIMARY KEY,
            number INTEGER,
            FOREIGN KEY (user_id, number) REFERENCES adapter_versions (user_id, number)
        ) STRICT, WITHOUT ROWID""")


@migrations()
def create_freezes(database: Database) -> None:
    """Every freeze and unfreeze; a user's newest row counts."""
    database.execute("""
        CREATE TABLE adapter_freezes (
            id INTEGER PRIMARY KEY,
            user_id TEXT NOT NULL,
            is_frozen INTEGER NOT NULL CHECK (is_frozen IN (0, 1)),
            by TEXT NOT NULL,
            at REAL NOT NULL
        ) STRICT""")
    database.execute("CREATE INDEX adapter_freezes_by_user ON adapter_freezes (user_id, id)")


@migrations()
def create_erasures(database: Database) -> None:
    """Erased users whose files are being deleted; after a crash the next start goes on."""
    database.execute("""
        CREATE TABLE adapter_erasures (
            user_id TEXT PRIMARY KEY,
            folders TEXT NOT NULL CHECK (json_valid(folders))
        ) STRICT, WITHOUT ROWID""")


@migrations()
def end_versions(database: Database) -> None:
    """When a version stopped being servable: its feedback was withdrawn, or it was deleted.

    Times are UTC seconds, NULL before. The row stays: no number is used twice, and promotions still
    say between what they moved.
    """
    for column in ("withdrawn_at", "deleted_at"):
        database.execute(f"ALTER TABLE adapter_versions ADD COLUMN {column} REAL")


@migrations()
def index_sizes(database: Database) -> None:
    """An index that sums what the versions take on disk without reading their reports."""
    database.execute("""
        CREATE INDEX adapter_sizes ON adapter_versions (user_id, size_bytes)
        WHERE withdrawn_at IS NULL AND deleted_at IS NULL""")
