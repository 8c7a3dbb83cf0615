"""Decides which base model a data folder gets. Pure."""

from dataclasses import dataclass

from adapters_store.models.built_in import BUILT_IN, SMALLEST

AUTO = "auto"
PREFERRED = "qwen2.5-coder-0.5b"


@dataclass(frozen=True, slots=True)
class Choice:
    """The model to serve, and why if nobody asked for it.

    `is_kept` says whether the data folder is to keep it for later starts; `fallback` is taken if it
    cannot be fetched.
    """

    model: str
    why: str = ""
    is_kept: bool = True
    fallback: str | None = None


def choose_model(
    setting: str, kept: str | None, *, has_adapters: bool, available_bytes: int
) -> Choice:
    """The model by the setting, by what the data folder keeps, and by the memory that is free.

    An adapter fits only the base model that it was made for. So a setting is kept only while
    there are no adapters.
    """
    if setting != AUTO:
        return Choice(setting, is_kept=not has_adapters)
    if kept is not None:
        return Choice(kept)
    if has_adapters:  # made before the choice was kept, when the smallest was the default
        return Choice(SMALLEST, f"{SMALLEST} is served: the adapters here were made for it.")
    if available_bytes < (needed := BUILT_IN[PREFERRED].memory_bytes):
        memory = f"{PREFERRED} needs {_gigabytes(needed)} of memory, {_gigabytes(available_bytes)}"
        why = f"{SMALLEST} is chosen for this data folder: {memory} are free."
        return Choice(SMALLEST, why)
    why = f"{PREFERRED} is chosen for this data folder; make serve MODEL=… takes another."
    return Choice(PREFERRED, why, fallback=SMALLEST)


def or_smallest(setting: str) -> str:
    """The model of a setting; without one the smallest, for what was tried out on that."""
    return SMALLEST if setting == AUTO else setting


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
