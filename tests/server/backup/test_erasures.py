"""Whom an older database still has, but who was erased, does not come back."""

import shutil
import time
from pathlib import Path

import pytest

from adapters_store.files import published_folders
from server.accounts.accounts import AccountKind, LastAdminError
from server.backup.restore import restore
from server.storage.erasure_log import ErasureLog
from server.user_data.erasure import erase_account, erase_data
from tests.server.backup.world import add_data, add_user, back_up, content, opened


def empty(data: Path) -> None:
    """Move the database and the adapters away, as after a damage."""
    for path in (*data.glob("loralei.db*"), data / "adapters"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def noted(data: Path) -> int:
    return len(ErasureLog(data / "erasures.jsonl").all())


def test_a_user_who_was_erased_after_the_backup_does_not_come_back(
    data: Path, backup: Path
) -> None:
    with opened(data) as services:
        ann, bob = add_user(services, "ann"), add_user(services, "bob")
        of_bob = content(services)["bob"]
        back_up(services, backup)
        erase_account(services, ann)
    empty(data)
    assert restore(backup, data).erased == 1
    assert len(published_folders(data / "adapters")) == 1
    assert ann.id.encode() not in (data / "loralei.db").read_bytes()
    with opened(data) as services:
        assert "ann" not in content(services)
        assert content(services)["bob"] == of_bob
        assert services.accounts.exists(bob.id)


def test_a_restore_by_hand_brings_nobody_back_either(data: Path, backup: Path) -> None:
    with opened(data) as services:
        ann = add_user(services, "ann")
        back_up(services, backup)
        erase_account(services, ann)
    empty(data)
    shutil.copy(backup / "loralei.db", data)
    shutil.copytree(backup / "adapters", data / "adapters")
    with opened(data) as services:
        assert not services.accounts.exists(ann.id)
        assert published_folders(data / "adapters") == set()


def test_what_a_user_stored_after_an_erasure_is_restored(data: Path, backup: Path) -> None:
    with opened(data) as services:
        ann = add_user(services, "ann")
        erase_data(services, ann)
        add_data(services, ann)
        before = content(services)
        back_up(services, backup)
    empty(data)
    assert restore(backup, data).erased == 0
    with opened(data) as services:
        assert content(services) == before


def test_erased_data_goes_again_and_the_account_stays(data: Path, backup: Path) -> None:
    with opened(data) as services:
        ann = add_user(services, "ann")
        back_up(services, backup)
        erase_data(services, ann)
    empty(data)
    assert restore(backup, data).erased == 1
    with opened(data) as services:
        assert content(services)["ann"]["rows"] == []
        assert content(services)["ann"]["weights"] == {}


def test_a_frontends_users_go_with_it(data: Path, backup: Path) -> None:
    with opened(data) as services:
        frontend, _ = services.accounts.create("webui", AccountKind.FRONTEND, time.time())
        user = services.accounts.acting_user(frontend, "42", time.time())
        add_data(services, user)
        back_up(services, backup)
        erase_account(services, frontend)
    empty(data)
    restore(backup, data)
    with opened(data) as services:
        assert [account.name for account in services.accounts.all()] == ["admin"]


def test_without_any_admin_left_the_start_makes_one(data: Path, backup: Path) -> None:
    with opened(data) as services:
        first = services.accounts.first_admin()
        back_up(services, backup)
        services.accounts.create("second", AccountKind.ADMIN, time.time())
        erase_account(services, first)
    empty(data)
    restore(backup, data)
    with opened(data) as services:
        assert services.new_admin_key is not None
        assert services.accounts.first_admin().id != first.id


def test_a_new_folder_knows_the_erasures_of_the_backup(
    data: Path, backup: Path, tmp_path: Path
) -> None:
    with opened(data) as services:
        ann = add_user(services, "ann")
        back_up(services, tmp_path / "older")
        erase_account(services, ann)
        back_up(services, backup)
    restore(backup, tmp_path / "new")
    empty(tmp_path / "new")
    assert restore(tmp_path / "older", tmp_path / "new").erased == 1


def test_an_erasure_that_a_crash_cut_short_ends_at_the_next_start(data: Path) -> None:
    with opened(data) as services:
        ann = add_user(services, "ann")
        log = services.stores.erasures
        before = (data / "erasures.jsonl").exists()
        with log.noting(ann.id, with_account=True):
            pass  # the server dies here
    assert not before
    with opened(data) as services:
        assert not services.accounts.exists(ann.id)


def test_a_refused_erasure_is_not_noted(data: Path) -> None:
    with opened(data) as services:
        with pytest.raises(LastAdminError):
            erase_account(services, services.accounts.first_admin())
        assert noted(data) == 0


def test_an_erasure_is_repeated_once(data: Path) -> None:
    with opened(data) as services:
        ann = add_user(services, "ann")
        erase_data(services, ann)
        add_data(services, ann)
        before = content(services)
    with opened(data) as services:
        assert content(services) == before
    assert noted(data) == 1


def test_the_log_names_nobody(data: Path) -> None:
    with opened(data) as services:
        ann = add_user(services, "ann")
        erase_account(services, ann)
    text = (data / "erasures.jsonl").read_text()
    assert ann.id not in text and "ann" not in text


def test_a_line_that_was_cut_short_spoils_no_other(data: Path) -> None:
    data.mkdir()
    (data / "erasures.jsonl").write_text('{"id": "x", "sal')
    log = ErasureLog(data / "erasures.jsonl")
    with log.noting("user-1", with_account=True):
        pass
    [erasure] = log.all()
    assert erasure.is_of("user-1") and not erasure.is_of("user-2")
