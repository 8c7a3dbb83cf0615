"""The SHA-256 of a GGUF file, remembered while the file does not change."""

import json
from hashlib import sha256
from pathlib import Path

from adapters_store.durable import sha256_of, write_json


def gguf_sha256(gguf: Path, cache: Path) -> str:
    """The SHA-256 of the file's content. Reading gigabytes takes seconds, so the answer is kept in
    `cache`, for a path, size and time of change."""
    path = gguf.resolve()
    stat = path.stat()
    seen = [str(path), stat.st_size, stat.st_mtime_ns]
    memo = cache / ".checksums" / f"{sha256(str(path).encode()).hexdigest()[:16]}.json"
    try:
        remembered = json.loads(memo.read_text(encoding="utf-8"))
        if remembered["seen"] == seen:
            return str(remembered["sha256"])
    except (OSError, ValueError, LookupError, TypeError):
        pass  # made anew
    checksum = sha256_of(path)
    write_json(memo, {"seen": seen, "sha256": checksum})
    return checksum
