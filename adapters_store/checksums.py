"""The SHA-256 of large files, remembered while they do not change."""

import contextlib
import json
from hashlib import sha256
from pathlib import Path

from adapters_store.durable import sha256_of, write_json


def remembered_sha256(file: Path, cache: Path) -> str:
    """The SHA-256 of the file's content. Reading gigabytes takes seconds, so the answer is kept in
    `cache`, for a path, size and time of change."""
    path = file.resolve()
    seen = _seen(path)
    try:
        remembered = json.loads(_entry(str(path), cache).read_text(encoding="utf-8"))
        if remembered["seen"] == seen:
            return str(remembered["sha256"])
    except (OSError, ValueError, LookupError, TypeError):
        pass  # made anew
    checksum = sha256_of(path)
    with contextlib.suppress(OSError):  # a full disk or a folder that is read-only
        write_json(_entry(str(path), cache), {"seen": seen, "sha256": checksum})
    return checksum


def noted_sha256(file: Path, key: str, cache: Path) -> str:
    """The SHA-256 that the file had when it was first asked for with this key; noted in `cache`."""
    note = _entry(f"{key} {file.name}", cache)
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, LookupError, TypeError):
        pass  # made anew
    checksum = remembered_sha256(file, cache)
    with contextlib.suppress(OSError):
        write_json(note, {"sha256": checksum})
    return checksum


def _seen(path: Path) -> list[str | int]:
    stat = path.stat()
    return [str(path), stat.st_size, stat.st_mtime_ns]


def _entry(name: str, cache: Path) -> Path:
    return cache / ".checksums" / f"{sha256(name.encode()).hexdigest()[:16]}.json"
