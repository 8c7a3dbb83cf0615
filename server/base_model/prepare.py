"""Chooses the base model of a data folder, fetches it, and keeps the choice for later starts."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from adapters_store.errors import ModelFetchError
from adapters_store.files import published_folders
from adapters_store.models.download import Progress
from adapters_store.models.resolve import ResolvedModel, resolve_model
from server.base_model.choice import AUTO, Choice, choose_model
from server.base_model.machine_memory import available_memory
from server.data_folder import ADAPTERS_FOLDER, CHOICE_FILE, DataFolderError, explained
from server.settings import Settings


def prepare_model(
    settings: Settings, progress: Progress, say: Callable[[str], None]
) -> ResolvedModel:
    """The model to serve, fetched if it is missing. `say` gets sentences for the operator.

    Raises `ModelFetchError`, `DataFolderError`.
    """
    choice = current_choice(settings)
    if choice.why:
        say(choice.why)
    try:
        model = resolve_model(choice.model, settings.model_cache, progress)
    except ModelFetchError as error:
        if choice.fallback is None:
            raise ModelFetchError(f"{error}{_whose(settings, choice)}") from error
        say(
            f"{choice.model} cannot be fetched: {error}. So {choice.fallback} is taken and kept "
            f"for this data folder; make serve MODEL={choice.model} tries again."
        )
        choice = Choice(choice.fallback)
        model = resolve_model(choice.model, settings.model_cache, progress)
    if choice.is_kept:
        _keep(settings.data_dir, _from_anywhere(choice.model))
    return model


def current_choice(settings: Settings) -> Choice:
    """What the next start would choose. Changes nothing. Raises `DataFolderError`."""
    return choose_model(
        settings.model,
        _kept(settings.data_dir),
        has_adapters=has_adapters(settings.data_dir),
        available_bytes=available_memory(),
    )


def has_adapters(data_dir: Path) -> bool:
    """Whether any adapter version is in a data folder, which may be missing."""
    return bool(published_folders(data_dir / ADAPTERS_FOLDER))


def _whose(settings: Settings, choice: Choice) -> str:
    if settings.model != AUTO:
        return ""
    return f". {settings.data_dir / CHOICE_FILE} names {choice.model}"


def _kept(data_dir: Path) -> str | None:
    path = data_dir / CHOICE_FILE
    if not path.exists():
        return None
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["model"])
    except (ValueError, LookupError, TypeError) as error:
        raise DataFolderError(
            f"{path} cannot be read: delete it, and set `model` to the base model that the "
            "adapters were made for"
        ) from error


def _keep(data_dir: Path, model: str) -> None:
    if _kept(data_dir) == model:
        return
    with explained(data_dir):
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        staged = data_dir / f".{CHOICE_FILE}"
        with staged.open("w", encoding="utf-8") as file:
            json.dump({"model": model}, file)
            # Renaming is not enough: after a power cut the file could be there, but empty.
            file.flush()
            os.fsync(file.fileno())
        staged.rename(data_dir / CHOICE_FILE)


def _from_anywhere(model: str) -> str:
    """A path in full: a later start may have another working directory."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.exists() else model
