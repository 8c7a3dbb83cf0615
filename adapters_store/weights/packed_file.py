"""A model's packed weights as one file, which every process maps: they share its memory.

It is an ordinary safetensors file, written tensor by tensor, so that packing a model needs little
more memory than its largest weight.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from filelock import FileLock
from safetensors import safe_open
from torch import Tensor

from adapters_store.records import Precision
from adapters_store.weights.packed_weight import PackedWeight, pack, packed_shapes

_LAYOUT = 1  # a number for what `pack` does: a file of another layout is not read
_ALIGNMENT = 64  # bytes: whole cache lines
_NAMES = {torch.int8: "I8", torch.bfloat16: "BF16", torch.float32: "F32"}

Shapes = Mapping[str, tuple[int, int]]
"""(out_features, in_features) of each weight."""


def packed_path(cache: Path, revision: str, precision: Precision) -> Path:
    """Where the packed weights of a base are kept: a file for exactly these weights."""
    weights = hashlib.sha256(f"{_LAYOUT} {revision}".encode()).hexdigest()[:32]
    return cache / "packed" / f"{weights}-{precision}.safetensors"


def ensure_packed(
    file: Path, shapes: Shapes, precision: Precision, weights: Iterable[tuple[str, Tensor]]
) -> None:
    """Write the packed weights to `file`, unless it is there. One process writes, others wait.

    `weights` are read only if needed, one at a time, in the order of `shapes`.
    """
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock"):
        if file.exists():
            return
        partial = file.with_suffix(".partial")
        with partial.open("wb") as out:
            out.write(_header(shapes, precision))
            for _, weight in weights:
                packed = pack(weight, precision)
                for part in (packed.values, packed.scales):
                    out.write(part.flatten().view(torch.uint8).numpy().data)
                    out.write(bytes(-part.nbytes % _ALIGNMENT))
            out.flush()
            os.fsync(out.fileno())
        partial.rename(file)


def map_packed(file: Path, shapes: Shapes) -> dict[str, PackedWeight]:
    """The weights of a file, mapped: a page is read when it is first used, and shared."""
    packed = {}
    with safe_open(file, framework="pt") as tensors:
        for name, (out_features, in_features) in shapes.items():
            values, scales = (tensors.get_tensor(f"{name}.{part}") for part in ("values", "scales"))
            packed[name] = PackedWeight(values, scales, out_features, in_features)
    return packed


def _header(shapes: Shapes, precision: Precision) -> bytes:
    """The header of safetensors: its length, then JSON. Padding is a tensor, too."""
    entries: dict[str, object] = {}
    place = 0
    for name, (out_features, in_features) in shapes.items():
        dtypes = getattr(torch, precision), torch.float32
        parts = zip(
            ("values", "scales"),
            packed_shapes(out_features, in_features, precision),
            dtypes,
            strict=True,
        )
        for part, shape, dtype in parts:
            size = torch.Size(shape).numel() * dtype.itemsize
            entries[f"{name}.{part}"] = {
                "dtype": _NAMES[dtype],
                "shape": list(shape),
                "data_offsets": [place, place + size],
            }
            place += size
            if padding := -size % _ALIGNMENT:
                # The format allows no holes.
                entries[f"{name}.{part}.padding"] = {
                    "dtype": "U8",
                    "shape": [padding],
                    "data_offsets": [place, place + padding],
                }
                place += padding
    text = json.dumps(entries).encode()
    text += b" " * (-(8 + len(text)) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text
