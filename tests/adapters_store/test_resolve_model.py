"""A base model is found by folder or name, and named by its exact weights."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from adapters_store.embedded import resolve_model
from adapters_store.errors import ModelFetchError


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "models"


def ignore(phase: str, done: int, total: int) -> None:
    pass


def test_a_local_folder_is_taken_as_it_is(tiny_model_folder: Path, cache: Path) -> None:
    resolved = resolve_model(str(tiny_model_folder), cache, ignore)
    assert (resolved.path, resolved.name) == (tiny_model_folder, tiny_model_folder.name)
    assert not cache.exists()


def test_a_copy_of_a_local_folder_has_the_same_revision(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_model_folder, tmp_path / "copy")
    first = resolve_model(str(tiny_model_folder), tmp_path, ignore)
    second = resolve_model(str(tmp_path / "copy"), tmp_path, ignore)
    assert first.revision == second.revision


def test_another_training_of_the_same_architecture_has_another_revision(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_model_folder, tmp_path / "copy")
    weights = load_file(tmp_path / "copy" / "model.safetensors")
    trained = {name: tensor + 0.001 for name, tensor in weights.items()}
    save_file(trained, tmp_path / "copy" / "model.safetensors", metadata={"format": "pt"})
    first = resolve_model(str(tiny_model_folder), tmp_path, ignore)
    second = resolve_model(str(tmp_path / "copy"), tmp_path, ignore)
    assert first.revision != second.revision


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "~/nowhere-either"])
def test_a_folder_that_is_not_there_is_explained(name: str, cache: Path) -> None:
    with pytest.raises(ModelFetchError, match="no model folder"):
        resolve_model(name, cache, ignore)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_a_model_is_explained(
    tiny_model_folder: Path, tmp_path: Path, missing: str
) -> None:
    shutil.copytree(tiny_model_folder, tmp_path / "copy")
    (tmp_path / "copy" / missing).unlink()
    with pytest.raises(ModelFetchError, match="is no model folder"):
        resolve_model(str(tmp_path / "copy"), tmp_path, ignore)


def test_a_hub_models_revision_is_its_commit_and_no_pickle_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def snapshot_download(repo_id: str, *, allow_patterns: list[str], **options: object) -> str:
        assert not {"*.bin", "*.pt", "*.py", "*"} & set(allow_patterns)
        return str(tmp_path / repo_id / "snapshots" / "abc123")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    resolved = resolve_model("org/model", tmp_path, ignore)
    assert (resolved.name, resolved.revision) == ("org/model", "abc123")


def test_a_hub_that_cannot_be_reached_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def snapshot_download(repo_id: str, **options: object) -> str:
        raise OSError("no route to host\nmore")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    with pytest.raises(ModelFetchError, match="no route to host. Check its name"):
        resolve_model("org/model", tmp_path, ignore)


@pytest.mark.parametrize("name", ["a/b/c", "no spaces", "smollm2-136m?"])
def test_a_name_that_is_neither_folder_nor_hub_id_is_explained(name: str, cache: Path) -> None:
    with pytest.raises(ModelFetchError, match="neither a folder nor a Hugging Face id"):
        resolve_model(name, cache, ignore)
