"""A start with another database than the adapters' own deletes none of them."""

import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters_store.files import published_folders
from server.data_folder import DatabaseMissingError
from server.services import Services
from server.settings import Settings
from tests.server.live import LiveServer, Person, running
from tests.server.peft_folder import import_version

NOT_SCHEDULED = {"schedule": {"interval": 0, "nightly": ""}, "threads": 1}


def folder_of(server: LiveServer, person: Person, number: int) -> str:
    return server.services.stores.registry.version(person.id, number).folder


def copy_database(data: Path, copy: Path) -> None:
    """A consistent copy, as a backup makes it."""
    with (
        closing(sqlite3.connect(data / "loralei.db")) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


def restore_database(copy: Path, data: Path) -> None:
    for path in data.glob("loralei.db*"):
        path.unlink()
    shutil.copy(copy, data / "loralei.db")


@pytest.fixture
def abandoned(tmp_path: Path) -> Path:
    """A data folder with two adapters and without a database."""
    for name in ("a" * 32, f"{'b' * 16}-{'c' * 16}"):
        (tmp_path / "data" / "adapters" / name).mkdir(parents=True)
    return tmp_path / "data"


@pytest.mark.parametrize("content", [None, b"", "no table"], ids=["missing", "empty", "no table"])
def test_adapters_without_their_database_end_the_start_and_stay(
    abandoned: Path, content: bytes | str | None
) -> None:
    database = abandoned / "loralei.db"
    if isinstance(content, bytes):
        database.write_bytes(content)
    elif content is not None:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("VACUUM")
    before = database.read_bytes() if content is not None else None
    with pytest.raises(DatabaseMissingError, match=r"holds 2 adapters.*Restore the database"):
        Services(Settings(data_dir=abandoned))
    assert len(published_folders(abandoned / "adapters")) == 2
    assert (database.read_bytes() if database.exists() else None) == before


def test_once_the_adapters_are_moved_away_the_start_succeeds(abandoned: Path) -> None:
    (abandoned / "adapters").rename(abandoned / "old-adapters")
    Services(Settings(data_dir=abandoned)).stop()


def test_an_older_database_moves_newer_adapters_to_the_trash_and_says_so(
    tiny_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, older, newer = tmp_path / "data", tmp_path / "older.db", tmp_path / "newer.db"
    with running(tiny_model, data, **NOT_SCHEDULED) as server:
        person = server.new_person()
        import_version(server, person)
        copy_database(data, older)
        import_version(server, person, seed=1)
        known, unknown = (folder_of(server, person, number) for number in (1, 2))
    copy_database(data, newer)
    restore_database(older, data)
    with caplog.at_level(logging.WARNING), running(tiny_model, data, **NOT_SCHEDULED):
        assert published_folders(data / "adapters") == {known}
        assert [path.name for path in (data / "adapters" / ".trash").glob("*/*")] == [unknown]
    assert "that the database does not name: 1; moved to" in caplog.text

    restore_database(newer, data)
    with running(tiny_model, data, **NOT_SCHEDULED) as server:
        assert server.chat(person.key, loralei={"adapter": "v2"})["loralei"]["adapter"] == "v2"


def test_erasing_a_user_reaches_the_trash(tiny_model: Path, tmp_path: Path) -> None:
    data, older = tmp_path / "data", tmp_path / "older.db"
    with running(tiny_model, data, **NOT_SCHEDULED) as server:
        ann, bob = server.new_person(), server.new_person()
        copy_database(data, older)
        for person in (ann, bob):
            import_version(server, person)
        of_bob = folder_of(server, bob, 1)
    restore_database(older, data)
    with running(tiny_model, data, **NOT_SCHEDULED) as server:
        with server.admin() as admin:
            admin.delete(f"/v1/admin/users/{ann.id}").raise_for_status()
        assert [path.name for path in (data / "adapters" / ".trash").glob("*/*")] == [of_bob]


def test_an_erasure_that_a_crash_cut_short_ends_at_the_next_start(
    tiny_model: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with running(tiny_model, data, **NOT_SCHEDULED) as server:
        person = server.new_person()
        import_version(server, person)
        # The transaction of an erasure, and none of what follows it.
        server.services.stores.registry.erase(person.id)
    assert published_folders(data / "adapters") != set()
    services = Services(Settings(data_dir=data))
    try:
        assert published_folders(data / "adapters") == set()
        assert not (data / "adapters" / ".trash").exists()
        assert services.stores.registry.unfinished_erasures() == {}
    finally:
        services.stop()


def test_old_trash_is_deleted_with_the_other_housekeeping(tmp_path: Path) -> None:
    services = Services(Settings(data_dir=tmp_path / "data"))
    old = tmp_path / "data" / "adapters" / ".trash" / "2001-09-09" / ("a" * 32)
    old.mkdir(parents=True)
    try:
        services.housekeep()
    finally:
        services.stop()
    assert not old.parent.exists()
