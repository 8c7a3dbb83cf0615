"""A base model is found by folder or name, and named by its exact weights."""

import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from adapters_store import checksums
from adapters_store.errors import ModelFetchError
from adapters_store.models import convert
from adapters_store.models.built_in import SMALLEST
from adapters_store.models.resolve import check_files, resolve_model


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "models"


def ignore(phase: str, done: int, total: int) -> None:
    pass


def test_a_local_folder_is_taken_as_it_is(tiny_model_folder: Path, cache: Path) -> None:
    resolved = resolve_model(str(tiny_model_folder), cache, ignore)
    assert (resolved.path, resolved.name) == (tiny_model_folder, tiny_model_folder.name)


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


def test_a_byte_of_a_local_folder_that_changed_is_found(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    weights = folder / "model.safetensors"
    weights.write_bytes(bytes(6_000_000))
    revision = resolve_model(str(folder), cache, ignore).revision
    assert resolve_model(str(folder), cache, ignore).revision == revision
    spoil(weights, 80_000)  # between two samples
    with pytest.raises(ModelFetchError, match=r"model.safetensors is damaged or was edited"):
        resolve_model(str(folder), cache, ignore)
    (folder / "config.json").write_text('{"note": "edited"}')
    assert resolve_model(str(folder), cache, ignore).revision != revision


@pytest.mark.parametrize(
    "name", ["/no/such/folder", "./nowhere", "~/nowhere-either", "nowhere.gguf"]
)
def test_a_path_where_nothing_is_is_explained(name: str, cache: Path) -> None:
    with pytest.raises(ModelFetchError, match="there is no model .*nowhere|there is no model /no"):
        resolve_model(name, cache, ignore)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_a_model_is_explained(
    tiny_model_folder: Path, tmp_path: Path, missing: str
) -> None:
    shutil.copytree(tiny_model_folder, tmp_path / "copy")
    (tmp_path / "copy" / missing).unlink()
    with pytest.raises(ModelFetchError, match="is no model folder"):
        resolve_model(str(tmp_path / "copy"), tmp_path, ignore)


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The contents that were converted; a file's weights are its content."""
    contents: list[bytes] = []

    def convert_gguf(gguf: Path, folder: Path) -> None:
        contents.append(gguf.read_bytes())
        (folder / "model.safetensors").write_bytes(gguf.read_bytes())
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(convert, "_run_conversion", convert_gguf)
    return contents


def test_a_gguf_file_is_converted_once(
    conversions: list[bytes], tmp_path: Path, cache: Path
) -> None:
    gguf = tmp_path / "my-model.Q4_K_M.gguf"
    gguf.write_bytes(b"one")
    first = resolve_model(str(gguf), cache, ignore)
    assert first == resolve_model(str(gguf), cache, ignore)
    assert first.name == "my-model.Q4_K_M"
    assert (first.path / "model.safetensors").read_bytes() == b"one"
    assert conversions == [b"one"]


def test_a_gguf_file_that_changed_is_another_model(
    conversions: list[bytes], tmp_path: Path, cache: Path
) -> None:
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"one")
    first = resolve_model(str(gguf), cache, ignore)
    gguf.write_bytes(b"another")
    second = resolve_model(str(gguf), cache, ignore)
    assert first.revision != second.revision
    assert conversions == [b"one", b"another"]


def test_a_gguf_file_that_moved_is_not_converted_again(
    conversions: list[bytes], tmp_path: Path, cache: Path
) -> None:
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"one")
    first = resolve_model(str(gguf), cache, ignore)
    (tmp_path / "elsewhere").mkdir()
    moved = gguf.rename(tmp_path / "elsewhere" / "model.gguf")
    assert resolve_model(str(moved), cache, ignore) == first
    assert conversions == [b"one"]


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
def test_a_name_that_nothing_has_is_explained(name: str, cache: Path) -> None:
    with pytest.raises(ModelFetchError, match="neither a built-in model, a path nor"):
        resolve_model(name, cache, ignore)


def spoil(file: Path, place: int = -1) -> None:
    """Flip a bit, as a bad disk does, but with a new time of change."""
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    later = file.stat().st_mtime_ns + 1
    file.write_bytes(content)
    os.utime(file, ns=(later, later))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_damaged_file_of_a_converted_model_is_named_with_what_to_do(
    conversions: list[bytes], tmp_path: Path, cache: Path, name: str
) -> None:
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"one")
    folder = resolve_model(str(gguf), cache, ignore).path
    check_files(str(gguf), cache)
    spoil(folder / name)
    for _ in range(2):
        with pytest.raises(ModelFetchError, match=f"{name} is damaged.*Delete the folder"):
            resolve_model(str(gguf), cache, ignore)
    with pytest.raises(ModelFetchError, match=f"{name} is damaged"):
        check_files(str(gguf), cache)
    shutil.rmtree(folder)
    resolve_model(str(gguf), cache, ignore)
    assert conversions == [b"one", b"one"]


def test_a_whole_file_is_read_once(
    conversions: list[bytes], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"one")
    resolve_model(str(gguf), cache, ignore)
    monkeypatch.setattr(checksums, "sha256_of", lambda path: pytest.fail("read again"))
    resolve_model(str(gguf), cache, ignore)


def test_looking_for_damage_makes_nothing(tmp_path: Path, cache: Path) -> None:
    for model in (SMALLEST, str(tmp_path), "someone/some-model"):
        check_files(model, cache)
    assert not cache.exists()


def test_a_damaged_file_of_hugging_faces_cache_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    snapshot, blobs = tmp_path / "snapshots" / "commit", tmp_path / "blobs"
    for folder in (snapshot, blobs):
        folder.mkdir(parents=True)
    blob = blobs / sha256(b"weights").hexdigest()
    blob.write_bytes(b"weights")
    (snapshot / "model.safetensors").symlink_to(blob)
    monkeypatch.setattr("adapters_store.models.resolve.fetch_from_hub", lambda model: snapshot)
    assert resolve_model("some/model", cache, ignore).path == snapshot
    spoil(blob)
    with pytest.raises(ModelFetchError, match=f"damaged.*Delete {blob}"):
        resolve_model("some/model", cache, ignore)
