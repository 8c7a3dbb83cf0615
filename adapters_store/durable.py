"""Writes files and folders atomically: beside their place, then renamed."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def publish_folder(staged: Path, final: Path) -> None:
    """Move a flat folder to its final name on the same file system, atomically and durably.

    Raises `FileExistsError` if the name is taken.
    """
    for path in staged.iterdir():
        _flush(path)
    _flush(staged)
    if final.exists():
        raise FileExistsError(f"{final} already exists")
    staged.rename(final)
    _flush(final.parent)


def write_json(path: Path, content: Any) -> None:
    """Replace a JSON file atomically: readers see the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content), encoding="utf-8")
    partial.rename(path)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_parts(parts: Iterable[bytes]) -> str:
    """The SHA-256 over parts with their lengths, so that different lists do not collide."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
