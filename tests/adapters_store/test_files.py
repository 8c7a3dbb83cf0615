"""Folders are published whole, verified before use, and swept when nobody knows them."""

from hashlib import sha256
from pathlib import Path

import pytest

from adapters_store.errors import AdapterInvalidError, AdapterNotFoundError
from adapters_store.files import WEIGHTS_FILE, AdapterFiles
from adapters_store.records import AdapterVersion
from tests.adapters_store.make import make_version

WEIGHTS = b"weights"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "adapters"


@pytest.fixture
def files(root: Path) -> AdapterFiles:
    return AdapterFiles(root)


def publish(files: AdapterFiles, weights: bytes = WEIGHTS) -> AdapterVersion:
    staged = files.stage()
    (staged / WEIGHTS_FILE).write_bytes(weights)
    (staged / "adapter_config.json").write_text("{}")
    published = files.publish(staged)
    return make_version(
        folder=published.folder, checksum=published.checksum, size_bytes=published.size_bytes
    )


def test_a_published_folder_can_be_opened(files: AdapterFiles) -> None:
    folder = files.open(publish(files))
    assert (folder / WEIGHTS_FILE).read_bytes() == WEIGHTS


def test_publishing_reports_checksum_and_size(files: AdapterFiles) -> None:
    version = publish(files)
    assert version.checksum == sha256(WEIGHTS).hexdigest()
    assert version.size_bytes == len(WEIGHTS) + len("{}")


def test_publishing_leaves_nothing_in_staging(files: AdapterFiles, root: Path) -> None:
    publish(files)
    assert list((root / ".staging").iterdir()) == []


def test_a_folder_inside_a_staged_one_can_be_published(files: AdapterFiles) -> None:
    nested = files.stage() / "adapter"
    nested.mkdir()
    (nested / WEIGHTS_FILE).write_bytes(WEIGHTS)
    assert files.publish(nested).checksum == sha256(WEIGHTS).hexdigest()


def test_two_publications_of_the_same_weights_get_different_folders(files: AdapterFiles) -> None:
    assert publish(files).folder != publish(files).folder


def test_a_folder_from_elsewhere_cannot_be_published(files: AdapterFiles, tmp_path: Path) -> None:
    (tmp_path / WEIGHTS_FILE).write_bytes(WEIGHTS)
    with pytest.raises(ValueError, match="not a staged folder"):
        files.publish(tmp_path)


def test_a_path_that_climbs_out_of_staging_cannot_be_published(
    files: AdapterFiles, root: Path
) -> None:
    version = publish(files)
    with pytest.raises(ValueError, match="not a staged folder"):
        files.publish(root / ".staging" / ".." / version.folder)


def test_a_folder_without_weights_cannot_be_published(files: AdapterFiles) -> None:
    with pytest.raises(AdapterInvalidError, match="no adapter_model"):
        files.publish(files.stage())


def test_weights_that_are_a_link_cannot_be_published(files: AdapterFiles, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    staged = files.stage()
    (staged / WEIGHTS_FILE).symlink_to(tmp_path / "secret")
    with pytest.raises(AdapterInvalidError, match="no adapter_model"):
        files.publish(staged)


def test_damaged_weights_are_refused(files: AdapterFiles, root: Path) -> None:
    version = publish(files)
    (root / version.folder / WEIGHTS_FILE).write_bytes(b"weighty")
    with pytest.raises(AdapterInvalidError, match="damaged"):
        files.open(version)


def test_a_checksum_is_verified_once(files: AdapterFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    version = publish(files)
    files.open(version)
    monkeypatch.setattr("adapters_store.files.sha256_of", lambda path: pytest.fail("read again"))
    assert files.open(version).name == version.folder


def test_a_missing_folder_is_not_found(files: AdapterFiles) -> None:
    with pytest.raises(AdapterNotFoundError):
        files.open(make_version(folder="0" * 32))


def test_a_removed_version_is_not_found(files: AdapterFiles, root: Path) -> None:
    version = publish(files)
    files.open(version)
    files.remove(version)
    assert not (root / version.folder).exists()
    with pytest.raises(AdapterNotFoundError):
        files.open(version)


def test_removing_twice_does_nothing_more(files: AdapterFiles) -> None:
    version = publish(files)
    files.remove(version)
    files.remove(version)


@pytest.mark.parametrize("folder", ["..", ".", "", "/etc", "../" * 8 + "etc", ".staging", "A" * 32])
def test_a_folder_name_that_is_not_ours_is_never_touched(files: AdapterFiles, folder: str) -> None:
    version = make_version(folder=folder)
    with pytest.raises(AdapterInvalidError):
        files.open(version)
    with pytest.raises(AdapterInvalidError):
        files.remove(version)


def test_sweeping_removes_staged_leftovers_and_orphans_only(
    files: AdapterFiles, root: Path
) -> None:
    known, orphan = publish(files), publish(files)
    files.stage()
    (root / ".staging" / "stray").write_bytes(b"")
    (root / "notes").mkdir()
    assert files.sweep({known.folder}) == 3
    assert files.open(known).is_dir()
    assert not (root / orphan.folder).exists()
    assert (root / "notes").is_dir()


def test_a_second_object_on_the_same_root_sees_what_was_published(
    files: AdapterFiles, root: Path
) -> None:
    assert AdapterFiles(root).open(publish(files)).is_dir()
