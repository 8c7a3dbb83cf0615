"""What a backup consists of, with the SHA-256 of every file. It is written last, so that a backup
without it is known to be incomplete."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from adapters_store.durable import sha256_of

MANIFEST_FILE = "backup.json"
_FORMAT = 1


class BackupError(RuntimeError):
    """A backup cannot be made or restored; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file of a backup."""

    sha256: str
    size_bytes: int


Files = dict[str, CopiedFile]
"""By path inside the backup, with slashes."""


def copy_file(source: Path, target: Path) -> CopiedFile:
    """Copy a file durably, and return what was copied. Raises `OSError`."""
    digest, size = hashlib.sha256(), 0
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(1 << 20):
            writer.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return CopiedFile(digest.hexdigest(), size)


def flush(path: Path) -> CopiedFile:
    """Make a new file durable, and return what it holds. Raises `OSError`."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return CopiedFile(sha256_of(path), path.stat().st_size)


def write_manifest(folder: Path, files: Files, made_at: float) -> None:
    """Declare a backup complete. Raises `OSError`."""
    content = {
        "format": _FORMAT,
        "made_at": made_at,
        "files": {name: asdict(file) for name, file in files.items()},
    }
    with (folder / MANIFEST_FILE).open("x", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> Files:
    """The files of a backup. Raises `BackupError` if there is none, or not a whole one."""
    path = folder / MANIFEST_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        made_in, files = content["format"], content["files"]
    except FileNotFoundError as error:
        raise BackupError(f"{folder} is no complete backup: it has no {MANIFEST_FILE}") from error
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BackupError(f"{path} cannot be read: {error}") from error
    if made_in != _FORMAT:
        raise BackupError(f"{folder} was made by another release: restore it with that one")
    if not all(map(_is_inside, files)):
        raise BackupError(f"{path} names files outside the backup")
    return {name: CopiedFile(**file) for name, file in files.items()}


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts
