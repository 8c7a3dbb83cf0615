"""Reads a safetensors file without trusting it, and without a tensor library.

Headers come first; numbers are read in pieces, straight from the file.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from adapters_store.errors import AdapterInvalidError

MAX_HEADER_BYTES = 1 << 20
_CHUNK_NUMBERS = 1 << 20
# The little-endian form of each number format, and its bits of the exponent: all of them are set in
# NaN and infinity.
_FORMATS = {"F32": ("<u4", 0x7F800000), "F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80)}
MAX_WEIGHT = 10_000
"""Trained weights are below 100. With much larger ones the model's sums overflow."""
# Numbers of one sign are in the order of their bits.
_MOST = {
    "F32": int(np.float32(MAX_WEIGHT).view(np.uint32)),
    "F16": int(np.float16(MAX_WEIGHT).view(np.uint16)),
    "BF16": int(np.float32(MAX_WEIGHT).view(np.uint32)) >> 16,
}


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor of a safetensors header; `offset` counts from the start of the file."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size_bytes: int


def read_header(file: Path) -> dict[str, TensorEntry]:
    """The tensors of a safetensors file, by name. Raises `AdapterInvalidError` if it is none."""
    try:
        with file.open("rb") as raw:
            length = int.from_bytes(raw.read(8), "little")
            if length > MAX_HEADER_BYTES:
                raise ValueError("the header is too long")
            header: dict[str, Any] = json.loads(raw.read(length))
        # The library checks that offsets are in order, without holes, inside the file.
        with safe_open(file, framework="np"):
            pass
    except (SafetensorError, ValueError, RecursionError, OSError) as error:
        raise AdapterInvalidError(f"{file.name} is not a safetensors file") from error
    header.pop("__metadata__", None)
    entries = {}
    for name, row in header.items():
        begin, end = row["data_offsets"]
        offset = 8 + length + begin
        entries[name] = TensorEntry(row["dtype"], tuple(row["shape"]), offset, end - begin)
    return entries


def check_dtypes(entries: dict[str, TensorEntry]) -> None:
    """Raise `AdapterInvalidError` for a number format that adapters are not stored in."""
    for name, entry in entries.items():
        if entry.dtype not in _FORMATS:
            raise AdapterInvalidError(
                f"{name[:160]} has dtype {entry.dtype}, not F32, F16 or BF16:"
                " save the adapter in one of these"
            )


def check_numbers(file: Path, name: str, entry: TensorEntry, *, allows_huge: bool = False) -> None:
    """Raise `AdapterInvalidError` if a tensor holds NaN or infinite numbers, or any beyond
    `MAX_WEIGHT`."""
    unsigned, exponent = _FORMATS[entry.dtype]
    for data in _chunks(file, entry):
        bits = np.frombuffer(data, dtype=unsigned)
        if bool(np.any((bits & exponent) == exponent)):
            raise AdapterInvalidError(f"{name} holds NaN or infinite numbers")
        without_sign = (1 << 8 * bits.itemsize - 1) - 1
        if not allows_huge and bool(np.any((bits & without_sign) > _MOST[entry.dtype])):
            raise AdapterInvalidError(
                f"{name} holds numbers beyond {MAX_WEIGHT:,}, with which the model's sums overflow:"
                " train the adapter anew, with a lower learning rate"
            )


def read_tensor(file: Path, entry: TensorEntry) -> NDArray[np.float32]:
    """One tensor, converted to float32 without loss."""
    data = b"".join(_chunks(file, entry))
    if entry.dtype == "BF16":  # the upper half of a float32
        wide = np.frombuffer(data, dtype="<u2").astype(np.uint32) << 16
        return wide.view(np.float32).reshape(entry.shape)
    numbers = np.frombuffer(data, dtype="<f4" if entry.dtype == "F32" else "<f2")
    return numbers.astype(np.float32).reshape(entry.shape)


def _chunks(file: Path, entry: TensorEntry) -> Iterator[bytes]:
    width = np.dtype(_FORMATS[entry.dtype][0]).itemsize
    with file.open("rb") as raw:
        raw.seek(entry.offset)
        left = entry.size_bytes
        while left:
            data = raw.read(min(left, width * _CHUNK_NUMBERS))
            if not data:
                raise AdapterInvalidError(f"{file.name} changed while it was read")
            left -= len(data)
            yield data
