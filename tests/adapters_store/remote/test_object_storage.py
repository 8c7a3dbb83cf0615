"""Adapters in object storage, with the local folder as a cache."""

import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from adapters_store.errors import AdapterInvalidError, AdapterNotFoundError
from adapters_store.files import WEIGHTS_FILE, AdapterFiles, published_folders
from adapters_store.remote.object_storage import ObjectStorage, RemoteStorageError
from tests.adapters_store.test_files import NOW, WEIGHTS, publish

DAY = 86_400.0


def fail(*_: object, **__: object) -> None:
    raise RemoteStorageError("the object storage failed: unplugged")


def test_what_is_published_is_in_both_places(
    files: AdapterFiles, remote: ObjectStorage, root: Path
) -> None:
    version = publish(files)
    assert remote.names() == {version.folder}
    assert (root / version.folder / WEIGHTS_FILE).read_bytes() == WEIGHTS


def test_a_folder_that_is_missing_here_is_fetched_whole(
    files: AdapterFiles, remote: ObjectStorage, root: Path
) -> None:
    version = publish(files)
    shutil.rmtree(root / version.folder)
    folder = AdapterFiles(root, remote).open(version)
    assert {path.name for path in folder.iterdir()} >= {WEIGHTS_FILE, "adapter_config.json"}
    assert (folder / WEIGHTS_FILE).read_bytes() == WEIGHTS
    assert not list((root / ".staging").iterdir())


def test_threads_that_want_the_same_folder_fetch_it_once(
    files: AdapterFiles, remote: ObjectStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, fetched = publish(files), list[str]()
    shutil.rmtree(root / version.folder)
    fetch, barrier = remote.fetch, threading.Barrier(4)

    def counted(name: str, target: Path) -> bool:
        fetched.append(name)
        return fetch(name, target)

    monkeypatch.setattr(remote, "fetch", counted)

    def open_it() -> None:
        barrier.wait()
        files.open(version)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched == [version.folder]


def test_weights_that_changed_there_are_not_taken(
    files: AdapterFiles, remote: ObjectStorage, root: Path, tmp_path: Path
) -> None:
    version = publish(files)
    other = tmp_path / "other"
    other.mkdir()
    (other / WEIGHTS_FILE).write_bytes(b"other weights")
    remote.put(other, version.folder)
    shutil.rmtree(root / version.folder)
    with pytest.raises(AdapterInvalidError, match="damaged"):
        files.open(version)
    assert not (root / version.folder).exists()


def test_a_folder_that_is_nowhere_is_missing(files: AdapterFiles, root: Path) -> None:
    version = publish(files)
    files.remove(version)
    with pytest.raises(AdapterNotFoundError, match="missing"):
        files.open(version)


def test_nothing_is_published_here_if_it_cannot_be_stored_there(
    files: AdapterFiles, remote: ObjectStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "put", fail)
    with pytest.raises(RemoteStorageError):
        publish(files)
    assert [path.name for path in root.iterdir() if not path.name.startswith(".")] == []


def test_while_the_storage_fails_what_is_here_is_used(
    files: AdapterFiles, remote: ObjectStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = publish(files), publish(files)
    shutil.rmtree(root / there.folder)
    for name in ("fetch", "names"):
        monkeypatch.setattr(remote, name, fail)
    assert files.open(here).is_dir()
    with pytest.raises(AdapterNotFoundError, match="could not be fetched"):
        files.open(there)
    files.sweep({here.folder, there.folder}, NOW)


def test_deleting_deletes_in_both_places(
    files: AdapterFiles, remote: ObjectStorage, root: Path
) -> None:
    removed, pruned, kept = (publish(files) for _ in range(3))
    files.remove(removed)
    files.remove_folders({pruned.folder})
    assert remote.names() == {kept.folder}


def test_an_erasure_deletes_what_only_the_storage_has(
    files: AdapterFiles, remote: ObjectStorage, root: Path
) -> None:
    unknown, other = publish(files), publish(files, user_id="bob")
    shutil.rmtree(root / unknown.folder)
    files.erase("ann", [])
    assert remote.names() == {other.folder}


def test_a_folder_that_no_version_names_is_deleted_after_a_month(
    files: AdapterFiles, remote: ObjectStorage
) -> None:
    known, unknown, back = (publish(files) for _ in range(3))
    files.sweep({known.folder}, NOW)
    files.sweep({known.folder, back.folder}, NOW + 10 * DAY)
    files.prune(NOW + 30 * DAY, keep={known.folder, back.folder})
    assert unknown.folder in remote.names()
    files.prune(NOW + 31 * DAY, keep={known.folder, back.folder})
    assert remote.names() == {known.folder, back.folder}


def test_versions_that_are_only_there_are_not_damaged(
    files: AdapterFiles, remote: ObjectStorage, root: Path
) -> None:
    there, changed = publish(files), publish(files)
    shutil.rmtree(root / there.folder)
    (root / changed.folder / WEIGHTS_FILE).write_bytes(b"changed")
    assert AdapterFiles(root, remote).damaged([there, changed]) == [changed]
    assert not (root / there.folder).exists()


def used_at(folder: Path, at: float) -> None:
    os.utime(folder, (at, at))


def test_the_least_recently_used_folders_make_room_and_are_fetched_again(
    files: AdapterFiles, root: Path
) -> None:
    versions = [publish(files) for _ in range(3)]
    for days, version in zip((2, 3, 1), versions, strict=True):
        used_at(root / version.folder, NOW - days * DAY)
    files.shrink(versions[0].size_bytes * 2, NOW, keep=())
    assert published_folders(root) == {versions[0].folder, versions[2].folder}
    assert (files.open(versions[1]) / WEIGHTS_FILE).read_bytes() == WEIGHTS


def test_a_folder_that_is_opened_is_in_use(files: AdapterFiles, root: Path) -> None:
    version, now = publish(files), time.time()
    used_at(root / version.folder, now - DAY)
    files.open(version)
    files.shrink(0, now, keep=())
    assert published_folders(root) == {version.folder}
    files.shrink(0, now + DAY, keep={version.folder})
    assert published_folders(root) == {version.folder}
    files.shrink(0, now + DAY, keep=())
    assert published_folders(root) == set()


def test_looking_for_damage_is_no_use(
    files: AdapterFiles, remote: ObjectStorage, root: Path
) -> None:
    version = publish(files)
    files.open(version)
    used_at(root / version.folder, NOW - DAY)
    assert AdapterFiles(root, remote).damaged([version]) == []
    files.shrink(0, NOW, keep=())
    assert published_folders(root) == set()


def test_what_only_the_disk_has_stays(
    files: AdapterFiles, remote: ObjectStorage, root: Path
) -> None:
    version = publish(files)
    remote.delete({version.folder})
    used_at(root / version.folder, NOW - DAY)
    files.shrink(0, NOW, keep=())
    assert published_folders(root) == {version.folder}


def test_a_url_that_nothing_can_read_is_refused() -> None:
    with pytest.raises(ValueError, match="adapters_url"):
        ObjectStorage("nothing://here")
