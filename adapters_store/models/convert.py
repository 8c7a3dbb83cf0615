"""Converts a GGUF file into a folder of the model cache, once."""

import importlib.metadata
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from adapters_store.checksums import remembered_sha256
from adapters_store.durable import publish_folder, sha256_of
from adapters_store.errors import ModelFetchError
from adapters_store.models.download import Progress

WEIGHTS_FILE = "model.safetensors"
_MANIFEST = "source.json"


@contextmanager
def one_process(folder: Path, progress: Progress) -> Iterator[None]:
    """Let one process at a time make `folder`; the others wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress("waiting", 0, 0)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def is_complete(folder: Path) -> bool:
    """Whether every file of a converted model is there."""
    try:
        files = _manifest(folder)["files"]
        return all((folder / n).stat().st_size == f["size_bytes"] for n, f in files.items())
    except (OSError, ValueError, KeyError):
        return False


def weights_sha256(folder: Path) -> str:
    """The SHA-256 of a converted model's weights, as its manifest has it."""
    return str(_manifest(folder)["files"][WEIGHTS_FILE]["sha256"])


def verify(folder: Path) -> None:
    """Compare the files of a converted model with its manifest, each once until it changes.

    Raises `ModelFetchError`.
    """
    for name, file in _manifest(folder)["files"].items():
        if remembered_sha256(folder / name, folder.parent) != file["sha256"]:
            raise ModelFetchError(
                f"{folder / name} is damaged: its SHA-256 is not the one that was noted when it was"
                f" made. Delete the folder {folder} and start again: it is made anew"
            )


def convert(gguf: Path, folder: Path, origin: Mapping[str, Any], progress: Progress) -> None:
    """Make `folder` from a GGUF file: bf16 safetensors, tokenizer, chat template, manifest.

    `origin` becomes part of the manifest. Phases of `progress`: converting. Raises
    `ModelFetchError`.
    """
    staging = folder.with_name(f".{folder.name}.staging")
    for leftover in (staging, folder):  # of an interrupted run; incomplete
        if leftover.exists():
            shutil.rmtree(leftover)
    progress("converting", 0, 1)
    staging.mkdir()
    try:
        _run_conversion(gguf, staging)
        _write_manifest(staging, origin)
        publish_folder(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    progress("converting", 1, 1)


def check_free_space(folder: Path, needed_bytes: int, model: str) -> None:
    """Raises `ModelFetchError` if the file system of `folder` has less space."""
    if (free := shutil.disk_usage(folder).free) < needed_bytes:
        raise ModelFetchError(
            f"{folder} has {free / 1e9:.1f} GB free, but preparing {model} needs "
            f"{needed_bytes / 1e9:.1f} GB: free some, or set `model_cache` to another folder"
        )


def _run_conversion(gguf: Path, folder: Path) -> None:
    # -P: a folder `adapters_store` in the working directory must not be imported.
    command = [sys.executable, "-P", "-m", "adapters_store.models.gguf_conversion"]
    result = subprocess.run([*command, str(gguf), str(folder)], capture_output=True, text=True)
    if result.returncode == 0:
        return
    if result.returncode < 0:
        reason = f"it was killed by signal {-result.returncode}: free memory and try again, or"
        reason += " choose a smaller model"
    else:
        reason = (result.stderr.strip().splitlines() or ["no message"])[-1]
    raise ModelFetchError(f"could not convert {gguf.name}: {reason}")


def _write_manifest(folder: Path, origin: Mapping[str, Any]) -> None:
    files = {
        path.name: {"sha256": sha256_of(path), "size_bytes": path.stat().st_size}
        for path in sorted(folder.iterdir())
    }
    made_by = {name: importlib.metadata.version(name) for name in ("torch", "transformers")}
    manifest = {**origin, "made_by": made_by, "files": files}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    # Weights of a base are no secret; another user may share the cache.
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)


def _manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_text())
    return manifest
