"""A database that is damaged or too new ends the start, and stays as it is."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils.utils import sqlite3

from server.cli import doctor
from server.cli.doctor import Status
from server.data_folder import (
    DatabaseDamagedError,
    DatabaseTooNewError,
    DataFolder,
    DataFolderError,
)
from server.database import SharedDatabase
from server.services import Services
from server.settings import Settings
from server.stores import open_stores

PAGE = 4096


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that was used before."""
    Services(Settings(data_dir=tmp_path / "data")).stop()
    return tmp_path / "data"


def spoil_middle_page(database: Path) -> None:
    content = bytearray(database.read_bytes())
    middle = len(content) // PAGE // 2 * PAGE
    content[middle : middle + PAGE] = b"noise..." * (PAGE // 8)
    database.write_bytes(content)


def spoil_header(database: Path) -> None:
    database.write_bytes(b"this is no database" * 1000)


def cut(database: Path) -> None:
    database.write_bytes(database.read_bytes()[: 5 * PAGE])


def add_migration(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('feedback', 'something_later', '2030-01-01')"
        )


@pytest.mark.parametrize("spoil", [spoil_middle_page, spoil_header, cut])
def test_a_damaged_database_ends_the_start_and_asks_for_a_backup(
    data: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(data / "loralei.db")
    before = (data / "loralei.db").read_bytes()
    with pytest.raises(DatabaseDamagedError, match=r"is damaged.*Restore a backup"):
        Services(Settings(data_dir=data))
    assert (data / "loralei.db").read_bytes() == before


def test_a_database_of_a_newer_release_ends_the_start(data: Path) -> None:
    add_migration(data / "loralei.db")
    with pytest.raises(DatabaseTooNewError, match="newer release.*feedback.something_later"):
        Services(Settings(data_dir=data))


def test_after_a_refused_start_the_folder_is_free(data: Path) -> None:
    add_migration(data / "loralei.db")
    with pytest.raises(DatabaseTooNewError):
        Services(Settings(data_dir=data))
    DataFolder(data).release()


def test_what_a_killed_server_left_in_the_log_is_there_after_the_check(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    folder = DataFolder(tmp_path / "data")
    stores = open_stores(folder)
    try:
        stores.registry.set_frozen("ann", True, by="admin", at=1.0)
        for path in folder.path.glob("loralei.db*"):  # as they are without a checkpoint
            (killed / path.name).write_bytes(path.read_bytes())
    finally:
        stores.database.close()
        folder.release()
    services = Services(Settings(data_dir=killed))
    try:
        assert services.stores.registry.is_frozen("ann")
    finally:
        services.stop()


def test_the_doctor_finds_a_whole_database_and_a_missing_one_fine(data: Path) -> None:
    for folder in (data, data / "nothing"):
        assert database_check(folder).status is Status.OK
    assert not (data / "nothing").exists()


@pytest.mark.parametrize(
    ("spoil", "said"), [(spoil_middle_page, "Restore a backup"), (add_migration, "newer release")]
)
def test_the_doctor_says_no_to_an_unusable_database(
    data: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(data / "loralei.db")
    check = database_check(data)
    assert check.status is Status.MISSING
    assert said in check.advice


def test_the_doctor_can_look_while_a_server_runs(data: Path) -> None:
    with SharedDatabase(data / "loralei.db") as database:
        with database.atomic():
            database.execute("INSERT INTO deleted_interactions VALUES ('x')")
        assert database_check(data).status is Status.OK


def test_a_locked_database_is_not_called_damaged(data: Path) -> None:
    with closing(sqlite3.connect(data / "loralei.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DataFolderError, match="Another program has locked"):
            Services(Settings(data_dir=data))


def database_check(data_dir: Path) -> doctor.Check:
    [check] = [
        each for each in doctor.examine(Settings(data_dir=data_dir)) if each.name == "Database"
    ]
    return check
