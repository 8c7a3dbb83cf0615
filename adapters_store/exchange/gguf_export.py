"""Writes an adapter as a GGUF file, which llama.cpp and Ollama load beside the base model's GGUF.

llama.cpp names its tensors otherwise. In models of Llama's line it also keeps the rows of the query
and key projections in another order, because it rotates neighbouring rows instead of two halves.
The adapter's rows must have the order of the base's.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from adapters_store.errors import AdapterInvalidError
from adapters_store.exchange.tensor_file import read_header, read_tensor
from adapters_store.files import WEIGHTS_FILE
from adapters_store.records import LoraConfig

_PREFIX = "base_model.model."
# Transformers' `model_type`: llama.cpp's architecture, and whether it reorders queries and keys.
_ARCHITECTURES = {
    "gemma": ("gemma", False),
    "gemma2": ("gemma2", False),
    "gemma3_text": ("gemma3", False),
    "granite": ("granite", True),
    "llama": ("llama", True),
    "mistral": ("llama", True),
    "olmo2": ("olmo2", False),
    "phi3": ("phi3", False),
    "qwen2": ("qwen2", False),
    "qwen3": ("qwen3", False),
    "smollm3": ("smollm3", True),
}
_QUERIES, _KEYS = "self_attn.q_proj", "self_attn.k_proj"


@dataclass(frozen=True, slots=True)
class GgufTarget:
    """What of a base model's configuration its GGUF file depends on."""

    model_type: str
    num_blocks: int
    num_heads: int
    num_key_value_heads: int


def read_gguf_target(base: Path) -> GgufTarget:
    """Read a base model's folder. Raises `AdapterInvalidError` if its architecture is unknown."""
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config = config.get("text_config") or config  # of a model that also reads images
    model_type = config.get("model_type")
    if model_type not in _ARCHITECTURES:
        known = ", ".join(_ARCHITECTURES)
        raise AdapterInvalidError(
            f"an adapter of a {model_type!r} model cannot be written as GGUF: known are {known}."
            " Export it as a PEFT folder, and convert that with llama.cpp's convert_lora_to_gguf.py"
        )
    heads = config["num_attention_heads"]
    return GgufTarget(
        model_type=model_type,
        num_blocks=config["num_hidden_layers"],
        num_heads=heads,
        num_key_value_heads=config.get("num_key_value_heads") or heads,
    )


def write_gguf_adapter(
    folder: Path, destination: Path, *, lora: LoraConfig, target: GgufTarget
) -> None:
    """Write a published adapter's folder as one GGUF file, in float32.

    Raises `AdapterInvalidError` for a linear that llama.cpp does not know.
    """
    architecture, _ = _ARCHITECTURES[target.model_type]
    writer = gguf.GGUFWriter(destination, architecture)
    try:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, lora.alpha)
        for name, tensor in gguf_tensors(folder / WEIGHTS_FILE, target):
            writer.add_tensor(name, tensor)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def gguf_tensors(weights: Path, target: GgufTarget) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The adapter's matrices under llama.cpp's names: A as it is, B in the order of its rows."""
    architecture, _ = _ARCHITECTURES[target.model_type]
    names = gguf.get_tensor_name_map(_number_of(architecture), target.num_blocks)
    for name, entry in read_header(weights).items():
        path, _, matrix = name.removeprefix(_PREFIX).removesuffix(".weight").rpartition(".")
        theirs = names.get_name(path)
        if theirs is None:
            raise AdapterInvalidError(f"llama.cpp has no name for {path} of this architecture")
        tensor = read_tensor(weights, entry)
        if matrix == "lora_B":
            tensor = _reordered(tensor, path, target)
        yield f"{theirs}.weight.{matrix.lower()}", tensor


def _reordered(b: NDArray[np.float32], path: str, target: GgufTarget) -> NDArray[np.float32]:
    """B, [out, rank], with the rows of every head's two halves in turns, if llama.cpp has it so."""
    heads = {_QUERIES: target.num_heads, _KEYS: target.num_key_value_heads}
    name = ".".join(path.split(".")[-2:])
    _, is_reordered = _ARCHITECTURES[target.model_type]
    if not is_reordered or name not in heads:
        return b
    halves = b.reshape(heads[name], 2, -1, b.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(b.shape))


def _number_of(architecture: str) -> gguf.MODEL_ARCH:
    by_name: Mapping[str, gguf.MODEL_ARCH] = {
        name: number for number, name in gguf.MODEL_ARCH_NAMES.items()
    }
    return by_name[architecture]
