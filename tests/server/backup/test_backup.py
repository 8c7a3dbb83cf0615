"""A backup of a folder in use, restored elsewhere, has everything once."""

import json
import shutil
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from adapters_store.files import WEIGHTS_FILE, published_folders
from server.backup.manifest import MANIFEST_FILE, BackupError
from server.backup.restore import restore
from server.data_folder import DataFolderInUseError
from server.user_data.erasure import erase_account
from tests.feedback.make import make_interaction
from tests.server.backup.world import add_data, add_user, back_up, content, opened


def make_one(data: Path, backup: Path) -> None:
    with opened(data) as services:
        add_user(services, "ann")
        back_up(services, backup)


def test_a_restored_backup_has_everything_once(data: Path, backup: Path, tmp_path: Path) -> None:
    with opened(data) as services:
        for name in ("ann", "bob"):
            add_data(services, add_user(services, name))
        (data / "base-model.json").write_text('{"model": "tiny"}')
        before = content(services)
        made = back_up(services, backup)
        add_user(services, "too-late")
    assert (made.versions, made.damaged) == (4, [])
    restored = restore(backup, tmp_path / "new")
    assert (restored.accounts, restored.versions, restored.erased) == (3, 4, 0)
    with opened(tmp_path / "new") as services:
        assert content(services) == before
        assert len(published_folders(tmp_path / "new" / "adapters")) == 4
    assert (tmp_path / "new" / "base-model.json").read_text() == '{"model": "tiny"}'


def test_what_was_acknowledged_before_a_backup_is_in_it_while_others_write(
    data: Path, backup: Path, tmp_path: Path
) -> None:
    is_full, is_over = Event(), Event()
    stored: list[int] = []
    with opened(data) as services, ThreadPoolExecutor(1) as pool:
        ann = add_user(services, "ann")

        def write() -> None:
            while not is_over.is_set():
                number = len(stored)
                services.stores.log.store(make_interaction(f"chatcmpl-{number}", ann.id))
                stored.append(number)
                if number > 20:
                    is_full.set()

        writer = pool.submit(write)
        assert is_full.wait(60)
        acknowledged = len(stored)
        back_up(services, backup)
        is_over.set()
        writer.result()
    restore(backup, tmp_path / "new")
    with opened(tmp_path / "new") as services:
        ids = {row["id"] for row in content(services)["ann"]["rows"]}
    assert {f"chatcmpl-{number}" for number in range(acknowledged)} <= ids


def test_only_the_owner_can_read_a_backup(data: Path, backup: Path) -> None:
    make_one(data, backup)
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in backup.rglob("*"))
    assert stat.S_IMODE(backup.stat().st_mode) == 0o700


def test_a_damaged_version_is_left_out_and_named(data: Path, backup: Path, tmp_path: Path) -> None:
    with opened(data) as services:
        ann = add_user(services, "ann")
        version = services.stores.registry.versions(ann.id)[0]
        add_data(services, ann)
        (data / "adapters" / version.folder / WEIGHTS_FILE).write_bytes(b"other")
        made = back_up(services, backup)
    assert made.damaged == [f"v1 of {ann.id}"]
    assert restore(backup, tmp_path / "new").versions == 2
    assert len(published_folders(tmp_path / "new" / "adapters")) == 1


def test_a_version_that_is_erased_during_the_backup_is_not_damaged(
    data: Path, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(data) as services:
        ann = add_user(services, "ann")
        add_user(services, "bob")
        copy_to = services.stores.database.copy_to

        def copy_and_erase(path: Path) -> None:
            copy_to(path)
            erase_account(services, ann)

        monkeypatch.setattr(services.stores.database, "copy_to", copy_and_erase)
        made = back_up(services, backup)
    assert (made.versions, made.damaged) == (1, [])
    restored = restore(backup, tmp_path / "new")
    assert (restored.versions, restored.erased) == (1, 1)


def test_a_folder_that_holds_something_is_not_written(data: Path, backup: Path) -> None:
    backup.mkdir()
    (backup / "mine").touch()
    with pytest.raises(BackupError, match="is not empty"):
        make_one(data, backup)
    assert [path.name for path in backup.iterdir()] == ["mine"]


def test_a_backup_inside_the_data_folder_is_refused(data: Path) -> None:
    with pytest.raises(BackupError, match="inside the data folder"):
        make_one(data, data / "backup")
    assert not (data / "backup").exists()


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "x/" * 1500], ids=["nul", "long", "deep"])
def test_a_name_that_no_folder_can_have_is_refused(data: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(BackupError):
        make_one(data, tmp_path / name)


def test_a_backup_that_fails_leaves_nothing(
    data: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("server.backup.make.write_manifest", full)
    with pytest.raises(BackupError, match="No space left"):
        make_one(data, backup)
    assert not backup.exists()


def change_database(backup: Path) -> None:
    (backup / "loralei.db").write_bytes((backup / "loralei.db").read_bytes() + b"x")


def change_weights(backup: Path) -> None:
    next(backup.glob(f"adapters/*/{WEIGHTS_FILE}")).write_bytes(b"other")


def remove_an_adapter(backup: Path) -> None:
    shutil.rmtree(next(backup.glob("adapters/*")))


def remove_the_manifest(backup: Path) -> None:
    (backup / MANIFEST_FILE).unlink()


def name_a_file_elsewhere(backup: Path) -> None:
    manifest = json.loads((backup / MANIFEST_FILE).read_text())
    manifest["files"]["../secret"] = {"sha256": "0" * 64, "size_bytes": 0}
    (backup / MANIFEST_FILE).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (change_database, "damaged: loralei.db has changed"),
        (change_weights, "damaged: adapters/.* has changed"),
        (remove_an_adapter, "lacks adapters/"),
        (remove_the_manifest, "no complete backup"),
        (name_a_file_elsewhere, "outside the backup"),
    ],
)
def test_a_damaged_backup_is_not_restored(
    data: Path, backup: Path, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    make_one(data, backup)
    spoil(backup)
    with pytest.raises(BackupError, match=said):
        restore(backup, tmp_path / "new")
    assert not (tmp_path / "new" / "loralei.db").exists()
    assert published_folders(tmp_path / "new" / "adapters") == set()


def test_a_restore_that_was_cut_short_can_be_repeated(
    data: Path, backup: Path, tmp_path: Path
) -> None:
    make_one(data, backup)
    database = (backup / "loralei.db").read_bytes()
    change_database(backup)
    with pytest.raises(BackupError):
        restore(backup, tmp_path / "new")
    (backup / "loralei.db").write_bytes(database)
    assert restore(backup, tmp_path / "new").versions == 1


def test_a_folder_with_a_database_is_not_restored_onto(data: Path, backup: Path) -> None:
    make_one(data, backup)
    with pytest.raises(BackupError, match=r"is in use: move loralei.db.*leave erasures.jsonl"):
        restore(backup, data)


def test_a_running_server_is_not_restored_under(data: Path, backup: Path) -> None:
    with opened(data) as services:
        back_up(services, backup)
        with pytest.raises(DataFolderInUseError):
            restore(backup, data)
