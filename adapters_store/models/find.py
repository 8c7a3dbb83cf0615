"""Finds a base model that another machine serves."""

from pathlib import Path

from huggingface_hub.constants import HF_HUB_CACHE

from adapters_store.errors import ModelFetchError
from adapters_store.models.convert import is_complete, verify, weights_sha256
from adapters_store.models.resolve import fingerprint

_SNAPSHOTS = "snapshots"


def find_model(path: Path, name: str, revision: str, cache: Path) -> Path:
    """The folder on this machine that holds exactly the weights with this revision.

    `path` is where the other machine has it, `name` what clients call it. Looks at the same path,
    in `cache`, the folder for prepared models, and in Hugging Face's cache. Fetches nothing. Raises
    `ModelFetchError`, which says what to do.
    """
    places = [path, cache / path.name]
    if path.parent.name == _SNAPSHOTS:
        places.append(Path(HF_HUB_CACHE).joinpath(*path.parts[-3:]))
    present = [place for place in places if place.is_dir()]
    for place in present:
        if _revision(place) == revision:
            return place
    where = " or ".join(map(str, dict.fromkeys(places)))
    if present:
        raise ModelFetchError(
            f"{present[0]} has other weights than the server's base model {name}: copy the"
            f" server's folder {path} to {where}"
        )
    raise ModelFetchError(
        f"the base model {name} is not on this machine: copy the server's folder {path} to {where}"
    )


def _revision(folder: Path) -> str:
    """The id of a folder's weights, as `resolve_model` makes it."""
    if is_complete(folder):
        verify(folder)
        return weights_sha256(folder)
    if folder.parent.name == _SNAPSHOTS:
        return folder.name
    return fingerprint(folder)
