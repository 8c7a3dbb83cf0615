"""Folders are published whole, verified before use, and put in the trash if nobody knows them."""

from collections.abc import Collection
from hashlib import sha256
from pathlib import Path

import pytest

from adapters_store.errors import AdapterInvalidError, AdapterNotFoundError
from adapters_store.files import WEIGHTS_FILE, AdapterFiles, SweepResult
from adapters_store.records import AdapterVersion
from tests.adapters_store.make import make_version

WEIGHTS = b"weights"
NOW = 1_000_000_000.0  # 2001-09-09


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "adapters"


@pytest.fixture
def files(root: Path) -> AdapterFiles:
    return AdapterFiles(root)


def publish(files: AdapterFiles, weights: bytes = WEIGHTS, user_id: str = "ann") -> AdapterVersion:
    staged = files.stage()
    (staged / WEIGHTS_FILE).write_bytes(weights)
    (staged / "adapter_config.json").write_text("{}")
    published = files.publish(staged, user_id=user_id)
    return make_version(
        user_id,
        folder=published.folder,
        checksum=published.checksum,
        size_bytes=published.size_bytes,
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
    assert files.publish(nested, user_id="ann").checksum == sha256(WEIGHTS).hexdigest()


def test_two_publications_of_the_same_weights_get_different_folders(files: AdapterFiles) -> None:
    assert publish(files).folder != publish(files).folder


def test_a_folder_from_elsewhere_cannot_be_published(files: AdapterFiles, tmp_path: Path) -> None:
    (tmp_path / WEIGHTS_FILE).write_bytes(WEIGHTS)
    with pytest.raises(ValueError, match="not a staged folder"):
        files.publish(tmp_path, user_id="ann")


def test_a_path_that_climbs_out_of_staging_cannot_be_published(
    files: AdapterFiles, root: Path
) -> None:
    version = publish(files)
    with pytest.raises(ValueError, match="not a staged folder"):
        files.publish(root / ".staging" / ".." / version.folder, user_id="ann")


def test_a_folder_without_weights_cannot_be_published(files: AdapterFiles) -> None:
    with pytest.raises(AdapterInvalidError, match="no adapter_model"):
        files.publish(files.stage(), user_id="ann")


def test_weights_that_are_a_link_cannot_be_published(files: AdapterFiles, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    staged = files.stage()
    (staged / WEIGHTS_FILE).symlink_to(tmp_path / "secret")
    with pytest.raises(AdapterInvalidError, match="no adapter_model"):
        files.publish(staged, user_id="ann")


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


def test_a_verified_checksum_is_remembered_until_the_file_changes(
    files: AdapterFiles, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = publish(files)
    files.open(version)
    with monkeypatch.context() as patch:
        patch.setattr("adapters_store.files.sha256_of", lambda path: pytest.fail("read again"))
        AdapterFiles(root).open(version)
    weights = root / version.folder / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[::-1])
    with pytest.raises(AdapterInvalidError, match="damaged"):
        AdapterFiles(root).open(version)


def test_damaged_and_missing_versions_are_listed(files: AdapterFiles, root: Path) -> None:
    whole, damaged, missing = (publish(files) for _ in range(3))
    (root / damaged.folder / WEIGHTS_FILE).write_bytes(b"weighty")
    (root / missing.folder / WEIGHTS_FILE).unlink()
    assert files.damaged([whole, damaged, missing]) == [damaged, missing]


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


def sweep(files: AdapterFiles, *known: AdapterVersion) -> SweepResult:
    return files.sweep({version.folder for version in known}, NOW)


def test_sweeping_deletes_staged_leftovers(files: AdapterFiles, root: Path) -> None:
    files.stage()
    (root / ".staging" / "stray").write_bytes(b"")
    (root / "notes").mkdir()
    assert sweep(files) == SweepResult(deleted=2, trashed=0, restored=0)
    assert list((root / ".staging").iterdir()) == []
    assert (root / "notes").is_dir()


def test_sweeping_moves_unknown_folders_to_the_trash(files: AdapterFiles, root: Path) -> None:
    known, unknown = publish(files), publish(files)
    assert sweep(files, known) == SweepResult(deleted=0, trashed=1, restored=0)
    assert files.open(known).is_dir()
    assert not (root / unknown.folder).exists()
    kept = root / ".trash" / "2001-09-09" / unknown.folder / WEIGHTS_FILE
    assert kept.read_bytes() == WEIGHTS


def test_a_folder_comes_back_from_the_trash_once_it_is_known(files: AdapterFiles) -> None:
    version = publish(files)
    sweep(files)
    assert sweep(files, version) == SweepResult(deleted=0, trashed=0, restored=1)
    assert files.open(version).is_dir()


def test_a_known_name_that_is_not_ours_is_never_fetched(files: AdapterFiles, root: Path) -> None:
    stray = root / ".trash" / "2001-09-09" / "notes"
    stray.mkdir(parents=True)
    assert files.sweep({"notes", "../notes"}, NOW).restored == 0
    assert stray.is_dir()


def names(root: Path, known: Collection[str] = ()) -> set[str]:
    """The names of everything that is published or in the trash."""
    return {path.name for path in root.rglob("*-*") if len(path.name) == 33} - set(known)


def test_erasing_deletes_only_that_users_folders(files: AdapterFiles, root: Path) -> None:
    mine, other = publish(files), publish(files, user_id="bob")
    files.open(mine)
    files.erase("ann", [mine.folder])
    assert names(root) == {other.folder}
    with pytest.raises(AdapterNotFoundError):
        files.open(mine)


def test_erasing_reaches_folders_that_the_database_does_not_name(
    files: AdapterFiles, root: Path
) -> None:
    publish(files), publish(files)
    other = publish(files, user_id="bob")
    sweep(files)
    publish(files)
    files.erase("ann", [])
    assert names(root) == {other.folder}


def test_erasing_empties_the_trash_of_folders_without_an_owner(
    files: AdapterFiles, root: Path
) -> None:
    earlier = root / ("a" * 32)
    publish(files)
    (root / publish(files).folder).rename(earlier)
    sweep(files)
    files.erase("bob", [])
    assert len(names(root)) == 1
    assert list(root.rglob("a" * 32)) == []


@pytest.mark.parametrize("folder", ["..", "", "/etc", ".staging"])
def test_erasing_never_touches_a_folder_that_is_not_ours(
    files: AdapterFiles, root: Path, folder: str
) -> None:
    files.erase("ann", [folder])
    assert (root / ".staging").is_dir()


def test_a_second_object_on_the_same_root_sees_what_was_published(
    files: AdapterFiles, root: Path
) -> None:
    assert AdapterFiles(root).open(publish(files)).is_dir()
