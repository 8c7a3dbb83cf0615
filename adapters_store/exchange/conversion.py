"""Makes an adapter that was trained elsewhere one of this deployment.

A lower rank is padded with zeros, linears without weights get zeros, and another scaling is folded
into B, so that every product scaling · B · A stays the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from adapters_store.errors import AdapterInvalidError
from adapters_store.exchange.imported_config import ImportedConfig
from adapters_store.exchange.tensor_file import (
    TensorEntry,
    check_dtypes,
    check_numbers,
    read_header,
    read_tensor,
)
from adapters_store.files import WEIGHTS_FILE
from adapters_store.peft_config import TRAINED_ELSEWHERE, short, write_peft_config
from adapters_store.records import LoraConfig

_PREFIX = "base_model.model."
_A, _B = ".lora_A.weight", ".lora_B.weight"


@dataclass(frozen=True, slots=True)
class _Pair:
    """One linear's matrices: A is [rank, in], B is [out, rank]."""

    a: TensorEntry
    b: TensorEntry

    @property
    def rank(self) -> int:
        return self.a.shape[0]


def convert_imported(
    folder: Path,
    config: ImportedConfig,
    *,
    lora: LoraConfig,
    shapes: Mapping[str, tuple[int, int]],
    base_model: str,
    base_revision: str,
) -> None:
    """Turn a folder with the weights of `config` into an adapter folder of this deployment.

    `shapes` gives (out_features, in_features) of every adapted linear by module path. Weights that
    need no change keep their bytes; others become float32. Raises `AdapterInvalidError` for weights
    that do not fit.
    """
    weights = folder / WEIGHTS_FILE
    entries = read_header(weights)
    check_dtypes(entries)
    pairs = _pairs(entries)
    _check_modules(pairs, config, shapes)
    for path, pair in pairs.items():
        _check_pair(path, pair, config, shapes[path])
    for name, entry in entries.items():
        # How large they are counts after the scaling.
        check_numbers(weights, name, entry, allows_huge=True)
    if pairs.keys() != shapes.keys() or any(
        pair.rank != lora.rank or config.scaling_of(path) != lora.scaling
        for path, pair in pairs.items()
    ):
        _rewrite(weights, pairs, config, lora, shapes)
    write_peft_config(
        folder,
        lora=lora,
        base_model=base_model,
        base_revision=base_revision,
        targets=sorted({path.rpartition(".")[2] for path in shapes}),
        origin=TRAINED_ELSEWHERE,
    )


def _pairs(entries: Mapping[str, TensorEntry]) -> dict[str, _Pair]:
    """The matrices by module path. Raises `AdapterInvalidError` for any other tensor."""
    paths = set()
    for name in entries:
        path = name.removeprefix(_PREFIX).removesuffix(_A).removesuffix(_B)
        if name not in (f"{_PREFIX}{path}{_A}", f"{_PREFIX}{path}{_B}"):
            raise AdapterInvalidError(
                f"{WEIGHTS_FILE} holds {short(name)}, which is no LoRA matrix of a linear layer"
            )
        paths.add(path)
    pairs = {}
    for path in sorted(paths):
        both = [entries.get(f"{_PREFIX}{path}{matrix}") for matrix in (_A, _B)]
        if both[0] is None or both[1] is None:
            missing = "lora_A" if both[0] is None else "lora_B"
            raise AdapterInvalidError(f"{short(path)} has no {missing} in {WEIGHTS_FILE}")
        pairs[path] = _Pair(both[0], both[1])
    return pairs


def _check_modules(
    pairs: Mapping[str, _Pair], config: ImportedConfig, shapes: Mapping[str, tuple[int, int]]
) -> None:
    if unknown := sorted(pairs.keys() - shapes.keys()):
        names = sorted({path.rpartition(".")[2] for path in shapes})
        raise AdapterInvalidError(
            f"it adapts {short(unknown[0])}, which this deployment does not: the base model has no"
            f" such layer, or it is none of {names} (setting lora.targets)"
        )
    if missing := sorted(config.adapted(shapes) - pairs.keys()):
        raise AdapterInvalidError(
            f"{len(missing)} linears of target_modules have no weights, such as {missing[0]}: the"
            " file is not complete, or the adapter was made for a model with fewer layers"
        )
    if not pairs:
        raise AdapterInvalidError(f"{WEIGHTS_FILE} holds no weights")


def _check_pair(path: str, pair: _Pair, config: ImportedConfig, shape: tuple[int, int]) -> None:
    out_features, in_features = shape
    rank = config.rank_of(path)
    for matrix, entry, expected in (
        ("lora_A", pair.a, (rank, in_features)),
        ("lora_B", pair.b, (out_features, rank)),
    ):
        if entry.shape != expected:
            made_for = f" {short(config.base_model)}" if config.base_model else ""
            raise AdapterInvalidError(
                f"{path}.{matrix} has shape {list(entry.shape)}, expected {list(expected)}: the"
                f" adapter was made for a model of other sizes{made_for}, or with another r"
            )


def _rewrite(
    weights: Path,
    pairs: Mapping[str, _Pair],
    config: ImportedConfig,
    lora: LoraConfig,
    shapes: Mapping[str, tuple[int, int]],
) -> None:
    tensors: dict[str, NDArray[np.float32]] = {}
    for path, (out_features, in_features) in shapes.items():
        a = np.zeros((lora.rank, in_features), np.float32)
        b = np.zeros((out_features, lora.rank), np.float32)
        if (pair := pairs.get(path)) is not None:
            a[: pair.rank] = read_tensor(weights, pair.a)
            factor = config.scaling_of(path) / lora.scaling
            # In float64: rounding happens once. Overflow becomes infinity, which is not accepted.
            with np.errstate(over="ignore"):
                b[:, : pair.rank] = read_tensor(weights, pair.b).astype(np.float64) * factor
        tensors[f"{_PREFIX}{path}{_A}"], tensors[f"{_PREFIX}{path}{_B}"] = a, b
    partial = weights.with_suffix(".partial")
    save_file(tensors, partial, metadata={"format": "pt"})
    partial.rename(weights)
