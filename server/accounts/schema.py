"""The tables of accounts and keys, as append-only migrations."""

from sqlite_utils import Database, Migrations

migrations = Migrations("server")


def migrate(database: Database) -> None:
    """Bring the tables of this package up to date."""
    migrations.apply(database)


@migrations()
def create_accounts(database: Database) -> None:
    database.execute(
        """
        create table users (
            id text primary key,
            name text not null unique,
            kind text not null check (kind in ('admin', 'user', 'frontend')),
            frontend_id text references users(id),
            external_id text,
            created_at real not null,
            last_seen_at real,
            unique (frontend_id, external_id)
        ) strict
        """
    )
    database.execute(
        """
        create table api_keys (
            public_id text primary key,
            user_id text not null references users(id) on delete cascade,
            hash text not null,
            created_at real not null
        ) strict
        """
    )
    # Hashes only: nobody must be able to read who was erased.
    database.execute(
        """
        create table erased_identities (
            frontend_id text not null,
            external_hash text not null,
            at real not null,
            primary key (frontend_id, external_hash)
        ) strict
        """
    )


@migrations()
def create_noted_erasures(database: Database) -> None:
    """Which lines of the erasure log this database has seen; an older copy lacks the newer ones."""
    database.execute("create table noted_erasures (id text primary key) strict, without rowid")


@migrations()
def create_identity_rules(database: Database) -> None:
    """A frontend's own rules, and what it calls its users. The secret must be readable: signatures
    are compared with it."""
    for column in (
        "jwt_secret text",
        "trust_headers integer check (trust_headers in (0, 1))",
        "display_name text",
    ):
        database.execute(f"alter table users add column {column}")


@migrations()
def date_noted_erasures(database: Database) -> None:
    """When this database learned of an erasure; null for earlier ones."""
    database.execute("alter table noted_erasures add column at real")


@migrations()
def index_users_in_order(database: Database) -> None:
    """Indexes in the orders in which admins list users."""
    for name, key in (
        ("created_at", "created_at"),
        ("name", "name collate nocase"),
        ("last_seen", "coalesce(last_seen_at, 0)"),
    ):
        database.execute(f"create index users_by_{name} on users ({key}, id)")


@migrations()
def create_user_moves(database: Database) -> None:
    """Users on their way between two cells. A `moved` one left only its account and keys here.

    `digest` is of the rows that moved. `unfreezes` says whether the move froze the user's adapter.
    """
    database.execute(
        """
        create table user_moves (
            user_id text primary key,
            state text not null check (state in ('leaving', 'moved', 'arriving')),
            digest text,
            unfreezes integer not null check (unfreezes in (0, 1)),
            at real not null
        ) strict
        """
    )


@migrations()
def note_who_made_accounts_and_keys(database: Database) -> None:
    """The id of an admin or a frontend, or `server`; null for earlier ones, and if the maker was
    erased."""
    for table in ("users", "api_keys"):
        database.execute(f"alter table {table} add column made_by text")
    database.execute("update users set made_by = frontend_id")
