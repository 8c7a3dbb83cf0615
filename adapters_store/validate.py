"""Checks that a folder is an adapter of this deployment, trusting nothing in it.

Cheap checks come first; numbers are read last, straight from the file.
"""

import stat
from collections.abc import Mapping
from pathlib import Path

from adapters_store.errors import AdapterInvalidError
from adapters_store.exchange.tensor_file import (
    MAX_HEADER_BYTES,
    TensorEntry,
    check_dtypes,
    check_numbers,
    read_header,
)
from adapters_store.files import WEIGHTS_FILE
from adapters_store.peft_config import CARD_FILE, CONFIG_FILE, check_peft_config
from adapters_store.records import LoraConfig

_MAX_TEXT_BYTES = 1 << 16


def validate_adapter(
    folder: Path,
    *,
    lora: LoraConfig,
    base_model: str,
    shapes: Mapping[str, tuple[int, int]],
    base_revision: str | None = None,
) -> None:
    """Raise `AdapterInvalidError` if a folder is not exactly an adapter of this deployment.

    `shapes` gives (out_features, in_features) of every adapted linear by module path. No tensor is
    read before all other checks have passed.
    """
    _check_files(folder)
    # Before the size: a configuration says why the size is another one.
    check_peft_config(
        (folder / CONFIG_FILE).read_bytes(),
        lora=lora,
        base_model=base_model,
        base_revision=base_revision,
        targets={path.rpartition(".")[2] for path in shapes},
    )
    weights = folder / WEIGHTS_FILE
    expected = _expected_tensors(shapes, lora.rank)
    _check_size(weights, expected)
    entries = read_header(weights)
    _check_header(entries, expected)
    for name, entry in entries.items():
        check_numbers(weights, name, entry)


def _expected_tensors(
    shapes: Mapping[str, tuple[int, int]], rank: int
) -> dict[str, tuple[int, int]]:
    expected = {}
    for path, (out_features, in_features) in shapes.items():
        expected[f"base_model.model.{path}.lora_A.weight"] = (rank, in_features)
        expected[f"base_model.model.{path}.lora_B.weight"] = (out_features, rank)
    return expected


def _check_files(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        raise AdapterInvalidError("the adapter is not a folder")
    names = set()
    for path in folder.iterdir():
        if path.name not in (CONFIG_FILE, CARD_FILE, WEIGHTS_FILE):
            raise AdapterInvalidError(f"the folder holds {path.name[:80]!r}, which is not allowed")
        if not stat.S_ISREG(path.lstat().st_mode):
            raise AdapterInvalidError(f"{path.name} is not a regular file")
        if path.name != WEIGHTS_FILE:
            _bound(path, _MAX_TEXT_BYTES)
        names.add(path.name)
    if missing := {CONFIG_FILE, WEIGHTS_FILE} - names:
        raise AdapterInvalidError(f"{', '.join(sorted(missing))} is missing")


def _check_size(weights: Path, expected: Mapping[str, tuple[int, int]]) -> None:
    numbers = sum(rows * columns for rows, columns in expected.values())
    _bound(weights, 4 * numbers + MAX_HEADER_BYTES)


def _bound(path: Path, most: int) -> None:
    if (size := path.stat().st_size) > most:
        raise AdapterInvalidError(f"{path.name} has {size} bytes, at most {most} are allowed")


def _check_header(entries: dict[str, TensorEntry], expected: Mapping[str, tuple[int, int]]) -> None:
    if missing := sorted(expected.keys() - entries.keys()):
        raise AdapterInvalidError(f"{len(missing)} tensors are missing, such as {missing[0]}")
    if extra := sorted(entries.keys() - expected.keys()):
        raise AdapterInvalidError(f"unexpected tensor {extra[0][:160]!r}")
    check_dtypes(entries)
    for name, entry in entries.items():
        if entry.shape != expected[name]:
            raise AdapterInvalidError(
                f"{name} has shape {list(entry.shape)}, expected {list(expected[name])}"
            )
