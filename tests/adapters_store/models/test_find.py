"""A node of a cluster finds the base model that its server has."""

import shutil
from pathlib import Path

import pytest

import adapters_store.models.find
from adapters_store.errors import ModelFetchError
from adapters_store.models.find import find_model
from adapters_store.models.resolve import fingerprint


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Where the server has the model: not on this machine."""
    return tmp_path / "server" / "models" / "tiny"


@pytest.fixture
def revision(tiny_model_folder: Path) -> str:
    return fingerprint(tiny_model_folder)


def test_the_same_path_is_found(tiny_model_folder: Path, tmp_path: Path, revision: str) -> None:
    found = find_model(tiny_model_folder, "tiny", revision, tmp_path / "cache")
    assert found == tiny_model_folder


def test_a_copy_in_the_cache_is_found(
    tiny_model_folder: Path, theirs: Path, tmp_path: Path, revision: str
) -> None:
    shutil.copytree(tiny_model_folder, tmp_path / "cache" / "tiny")
    found = find_model(theirs, "tiny", revision, tmp_path / "cache")
    assert found == tmp_path / "cache" / "tiny"


def test_a_snapshot_is_found_in_this_machines_own_cache_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters_store.models.find, "HF_HUB_CACHE", str(tmp_path / "hub"))
    own = tmp_path / "hub" / "models--a--b" / "snapshots" / "c0ffee"
    own.mkdir(parents=True)
    theirs = Path("/home/server/hub/models--a--b/snapshots/c0ffee")
    assert find_model(theirs, "a/b", "c0ffee", tmp_path / "cache") == own


def test_other_weights_of_the_same_name_are_refused(
    tiny_model_folder: Path, theirs: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_model_folder, tmp_path / "cache" / "tiny")
    with pytest.raises(ModelFetchError, match="has other weights than the server's base model"):
        find_model(theirs, "tiny", "another", tmp_path / "cache")


def test_a_missing_model_says_where_to_copy_it(theirs: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFetchError) as failure:
        find_model(theirs, "tiny", "r0", tmp_path / "cache")
    assert str(failure.value) == (
        "the base model tiny is not on this machine: copy the server's folder"
        f" {theirs} to {theirs} or {tmp_path / 'cache' / 'tiny'}"
    )
