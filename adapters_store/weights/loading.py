"""Loads a model over packed weights that lie in a file, without ever holding the whole of it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from safetensors import safe_open
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from adapters_store.records import Precision
from adapters_store.weights.frozen import frozen, places_to_freeze, replace_module
from adapters_store.weights.packed_file import ensure_packed, map_packed

_AutoModel: Any = AutoModelForCausalLM
_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"
# Where models that read images, too, keep their language model.
_INNER_NAMES = {
    r"^(model\.)?language_model\.lm_head\.": "lm_head.",
    r"^(model\.)?language_model\.(model\.)?": "model.",
}


def language_model(path: Path) -> tuple[Any, dict[str, str]]:
    """The configuration of a folder's language model, and the patterns that rename its weights.

    What reads images or sound is left out. Raises `OSError` if files are missing.
    """
    config = AutoConfig.from_pretrained(path, trust_remote_code=False)
    text = config.get_text_config()
    return text, {} if text is config else _INNER_NAMES


def load_over_packed(path: Path, file: Path, dtype: torch.dtype, precision: Precision) -> Any:
    """A model whose linears and embedding read `file`, which is made if it is missing.

    `path` is a folder of safetensors weights. Returns None if its tensors are named otherwise than
    the model's: then it must be loaded by transformers. Raises `OSError` if files are missing.
    """
    config, renames = language_model(path)
    with init_empty_weights(include_buffers=False):
        model: Any = _AutoModel.from_config(config, dtype=dtype, trust_remote_code=False)
    model.tie_weights()
    places = dict(places_to_freeze(model))
    owners = _owners(places)
    checkpoint = _Checkpoint(path, renames)
    plain = [
        name
        for name, _ in model.named_parameters()
        if name.rpartition(".")[0] not in places or not name.endswith(".weight")
    ]
    if not checkpoint.names.issuperset([*plain, *(f"{owner}.weight" for owner in owners.values())]):
        return None
    shapes = {owner: tuple(places[owner].weight.shape) for owner in dict.fromkeys(owners.values())}

    def weights() -> Iterator[tuple[str, Tensor]]:
        for owner in shapes:
            yield owner, checkpoint.read(f"{owner}.weight")

    ensure_packed(file, shapes, precision, weights())
    packed = map_packed(file, shapes)
    tied = _names_by_parameter(model)
    for name in plain:
        parameter = nn.Parameter(checkpoint.read(name).to(dtype), requires_grad=False)
        for each in tied[id(model.get_parameter(name))]:
            parent, _, last = each.rpartition(".")
            setattr(model.get_submodule(parent), last, parameter)
    for place, module in places.items():
        replace_module(model, place, frozen(module, packed[owners[place]]))
    if (path / "generation_config.json").exists():
        model.generation_config = GenerationConfig.from_pretrained(path)
    return model


def _owners(places: dict[str, Any]) -> dict[str, str]:
    """For every place the first place with the same weight: a tied head has the embedding's."""
    first: dict[int, str] = {}
    return {path: first.setdefault(id(module.weight), path) for path, module in places.items()}


def _names_by_parameter(model: nn.Module) -> dict[int, list[str]]:
    """All names of each parameter; a tied head's weight has the embedding's, too."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return names


class _Checkpoint:
    """The tensors of a folder of safetensors files, by their names after `renames`."""

    def __init__(self, path: Path, renames: Mapping[str, str]) -> None:
        index = path / _INDEX
        if index.exists():
            files = json.loads(index.read_text())["weight_map"]
        else:
            with safe_open(path / _SINGLE, framework="pt") as file:
                files = dict.fromkeys(file.keys(), _SINGLE)
        self._places = {
            _renamed(name, renames): (path / file, name) for name, file in files.items()
        }

    @property
    def names(self) -> set[str]:
        return set(self._places)

    def read(self, name: str) -> Tensor:
        path, stored = self._places[name]
        with safe_open(path, framework="pt") as file:
            tensor: Tensor = file.get_tensor(stored)
        return tensor.clone()


def _renamed(name: str, renames: Mapping[str, str]) -> str:
    """A name after the first pattern that fits it."""
    for pattern, replacement in renames.items():
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    return name
