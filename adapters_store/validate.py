"""Checks that a folder is an adapter of this deployment, trusting nothing in it.

Cheap checks come first; numbers are read last, straight from the file.
"""

import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from adapters_store.errors import AdapterInvalidError
from adapters_store.files import WEIGHTS_FILE
from adapters_store.peft_config import CARD_FILE, CONFIG_FILE, check_peft_config
from adapters_store.records import LoraConfig

_MAX_TEXT_BYTES = 1 << 16
_MAX_HEADER_BYTES = 1 << 20
_CHUNK_NUMBERS = 1 << 20
# A float is NaN or infinite if all bits of its exponent are set.
_EXPONENTS = {"F32": ("<u4", 0x7F800000), "F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80)}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One tensor of a safetensors header; `offset` counts from the start of the file."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size_bytes: int


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
    expected = _expected_tensors(shapes, lora.rank)
    numbers = sum(rows * columns for rows, columns in expected.values())
    _check_files(folder, max_weights=4 * numbers + _MAX_HEADER_BYTES)
    check_peft_config(
        (folder / CONFIG_FILE).read_bytes(),
        lora=lora,
        base_model=base_model,
        base_revision=base_revision,
        targets={path.rpartition(".")[2] for path in shapes},
    )
    weights = folder / WEIGHTS_FILE
    entries = _read_header(weights)
    _check_header(entries, expected)
    for name, entry in entries.items():
        _check_numbers(weights, name, entry)


def _expected_tensors(
    shapes: Mapping[str, tuple[int, int]], rank: int
) -> dict[str, tuple[int, int]]:
    expected = {}
    for path, (out_features, in_features) in shapes.items():
        expected[f"base_model.model.{path}.lora_A.weight"] = (rank, in_features)
        expected[f"base_model.model.{path}.lora_B.weight"] = (out_features, rank)
    return expected


def _check_files(folder: Path, *, max_weights: int) -> None:
    bounds = {CONFIG_FILE: _MAX_TEXT_BYTES, CARD_FILE: _MAX_TEXT_BYTES, WEIGHTS_FILE: max_weights}
    if folder.is_symlink() or not folder.is_dir():
        raise AdapterInvalidError("the adapter is not a folder")
    names = set()
    for path in folder.iterdir():
        if path.name not in bounds:
            raise AdapterInvalidError(f"the folder holds {path.name[:80]!r}, which is not allowed")
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise AdapterInvalidError(f"{path.name} is not a regular file")
        if status.st_size > bounds[path.name]:
            raise AdapterInvalidError(
                f"{path.name} has {status.st_size} bytes, at most {bounds[path.name]} are allowed"
            )
        names.add(path.name)
    if missing := {CONFIG_FILE, WEIGHTS_FILE} - names:
        raise AdapterInvalidError(f"{', '.join(sorted(missing))} is missing")


def _read_header(weights: Path) -> dict[str, _Entry]:
    try:
        # The library checks that offsets are in order, without holes, inside the file.
        with safe_open(weights, framework="np"), weights.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
    except (SafetensorError, ValueError, RecursionError, OSError) as error:
        raise AdapterInvalidError(f"{WEIGHTS_FILE} is not a safetensors file") from error
    header.pop("__metadata__", None)
    entries = {}
    for name, row in header.items():
        begin, end = row["data_offsets"]
        entries[name] = _Entry(row["dtype"], tuple(row["shape"]), 8 + length + begin, end - begin)
    return entries


def _check_header(entries: Mapping[str, _Entry], expected: Mapping[str, tuple[int, int]]) -> None:
    if missing := sorted(expected.keys() - entries.keys()):
        raise AdapterInvalidError(f"{len(missing)} tensors are missing, such as {missing[0]}")
    if extra := sorted(entries.keys() - expected.keys()):
        raise AdapterInvalidError(f"unexpected tensor {extra[0][:160]!r}")
    for name, entry in entries.items():
        if entry.dtype not in _EXPONENTS:
            raise AdapterInvalidError(f"{name} has dtype {entry.dtype}, not F32, F16 or BF16")
        if entry.shape != expected[name]:
            raise AdapterInvalidError(
                f"{name} has shape {list(entry.shape)}, expected {list(expected[name])}"
            )


def _check_numbers(weights: Path, name: str, entry: _Entry) -> None:
    unsigned, exponent = _EXPONENTS[entry.dtype]
    width = np.dtype(unsigned).itemsize
    with weights.open("rb") as file:
        file.seek(entry.offset)
        left = entry.size_bytes
        while left:
            data = file.read(min(left, width * _CHUNK_NUMBERS))
            if not data:
                raise AdapterInvalidError(f"{WEIGHTS_FILE} changed while it was read")
            left -= len(data)
            bits = np.frombuffer(data, dtype=unsigned)
            if bool(np.any((bits & exponent) == exponent)):
                raise AdapterInvalidError(f"{name} holds NaN or infinite numbers")
