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
        remembered = json.loads(_memo(path, cache).read_text(encoding="utf-8"))
        if remembered["seen"] == seen:
            return str(remembered["sha256"])
    except (OSError, ValueError, LookupError, TypeError):
        pass  # made anew
    checksum = sha256_of(path)
    with contextlib.suppress(OSError):  # a full disk or a folder that is read-only
        write_json(_memo(path, cache), {"seen": seen, "sha256": checksum})
    return checksum


def _seen(path: Path) -> list[str | int]:
    stat = path.stat()
    return [str(path), stat.st_size, stat.st_mtime_ns]


def _memo(path: Path, cache: Path) -> Path:
    return cache / ".checksums" / f"{sha256(str(path).encode()).hexdigest()[:16]}.json"
