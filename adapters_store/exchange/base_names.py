"""Whether an adapter says that it was made for this base model. Pure.

A training writes into its adapter what its user typed: a Hugging Face id, a path, the name of a
quantised copy, or nothing. So another name is no proof of another model, and only a warning.
"""

import re

from adapters_store.exchange.imported_config import ImportedConfig
from adapters_store.models.built_in import BUILT_IN
from adapters_store.peft_config import short

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def base_warning(config: ImportedConfig, *, model: str, revision: str) -> str | None:
    """Why an adapter that fits by its shapes may still be one of another base model.

    `model` is the served model's name, `revision` identifies its weights. None if the adapter names
    this model.
    """
    if config.base_model is None:
        return (
            "The adapter does not say which base model it was made for. Its shapes fit"
            f" {model}, so it was taken. If it was made for another model, its replies are poor."
        )
    if not is_same_model(config.base_model, model):
        return (
            f"The adapter was made for {short(config.base_model)}. Its shapes fit {model}, so it"
            " was taken. If that is another model, its replies are poor."
        )
    if _is_other_revision(config.revision, revision):
        return (
            f"The adapter was made for revision {short(config.revision)} of {model}, and {revision}"
            " is served. Its shapes fit, so it was taken. Its replies may be poor."
        )
    return None


def is_same_model(name: str, model: str) -> bool:
    """Whether the last part of an id or a path is that of the served model.

    A built-in model is also known by its title, the last part of its Hugging Face id.
    """
    known = {_last_part(model)}
    if (built_in := BUILT_IN.get(model)) is not None:
        known.add(_last_part(built_in.title))
    return _last_part(name) in known


def _last_part(name: str) -> str:
    return re.split(r"[/\\]", name.rstrip("/\\"))[-1].casefold()


def _is_other_revision(theirs: str | None, ours: str) -> bool:
    """Whether two revisions differ. A commit and a hash of files cannot be compared."""
    if theirs is None or not _HASH.fullmatch(theirs) or len(theirs) != len(ours):
        return False
    return theirs != ours
