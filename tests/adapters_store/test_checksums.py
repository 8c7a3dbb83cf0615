"""A large file is hashed once, and again when it has changed."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from adapters_store import checksums
from adapters_store.checksums import remembered_sha256

CONTENT, OTHER = b"one", b"two"


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    (tmp_path / "a.gguf").write_bytes(CONTENT)
    return tmp_path / "a.gguf"


def test_it_is_the_checksum_of_the_content(gguf: Path, tmp_path: Path) -> None:
    assert remembered_sha256(gguf, tmp_path / "cache") == sha256(CONTENT).hexdigest()


def test_an_unchanged_file_is_not_read_again(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = remembered_sha256(gguf, tmp_path / "cache")
    monkeypatch.delattr(checksums, "sha256_of")
    assert remembered_sha256(gguf, tmp_path / "cache") == first


def test_a_changed_file_of_the_same_size_is_read_again(gguf: Path, tmp_path: Path) -> None:
    remembered_sha256(gguf, tmp_path / "cache")
    later = gguf.stat().st_mtime_ns + 1
    gguf.write_bytes(OTHER)
    os.utime(gguf, ns=(later, later))
    assert remembered_sha256(gguf, tmp_path / "cache") == sha256(OTHER).hexdigest()


def test_a_damaged_note_is_written_anew(gguf: Path, tmp_path: Path) -> None:
    remembered_sha256(gguf, tmp_path / "cache")
    [note] = (tmp_path / "cache" / ".checksums").iterdir()
    note.write_text("{")
    assert remembered_sha256(gguf, tmp_path / "cache") == sha256(CONTENT).hexdigest()


def test_without_a_cache_it_is_read_each_time(gguf: Path) -> None:
    (gguf.parent / "cache").write_text("a file cannot hold notes")
    assert remembered_sha256(gguf, gguf.parent / "cache") == sha256(CONTENT).hexdigest()
