"""Folders that survive a power cut: written beside, flushed to disk, then renamed into place.

Knows nothing of what the folders hold.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path


def publish_folder(staged: Path, final: Path) -> None:
    """Move a flat folder to its final name on the same file system, atomically and durably.

    Raises `FileExistsError` where the name is taken: nothing is ever replaced in place.
    """
    for path in staged.iterdir():
        _flush(path)
    _flush(staged)
    if final.exists():
        raise FileExistsError(f"{final} already exists")
    staged.rename(final)
    _flush(final.parent)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_parts(parts: Iterable[bytes]) -> str:
    """The SHA-256 over parts that each count with their length, so no two lists collide."""
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
