"""A model's packed weights as one file, which every process maps: they share its memory.

It is an ordinary safetensors file, written tensor by tensor, so that packing a model needs little
more memory than its largest weight.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from filelock import FileLock
from safetensors import safe_open
from torch import Tensor

from adapters_store.checksums import remembered_sha256
from adapters_store.records import Precision
from adapters_store.weights.packed_weight import PackedWeight, pack, packed_shapes

_LAYOUT = 1  # a number for what `pack` does: a file of another layout is not read
_ALIGNMENT = 64  # bytes: whole cache lines
_NAMES = {torch.int8: "I8", torch.bfloat16: "BF16", torch.float32: "F32"}

_log = logging.getLogger(__name__)

Shapes = Mapping[str, tuple[int, int]]
"""(out_features, in_features) of each weight."""


def packed_path(cache: Path, revision: str, precision: Precision) -> Path:
    """Where the packed weights of a base are kept: a file for exactly these weights."""
    weights = hashlib.sha256(f"{_LAYOUT} {revision}".encode()).hexdigest()[:32]
    return cache / "packed" / f"{weights}-{precision}.safetensors"


def ensure_packed(
    file: Path, shapes: Shapes, precision: Precision, weights: Iterable[tuple[str, Tensor]]
) -> None:
    """Write the packed weights to `file`, unless it is there and whole. One process writes, others
    wait.

    `weights` are read only if needed, one at a time, in the order of `shapes`.
    """
    if _is_whole(file):
        return
    if not file.parent.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.parent.chmod(0o755)  # another user of the machine may share the cache
    with FileLock(f"{file}.lock"):
        if _is_whole(file):
            return
        if file.exists():
            _log.warning("the packed weights in %s are not as they were written: made anew", file)
        partial = file.with_suffix(".partial")
        digest = hashlib.sha256()
        with partial.open("wb") as out:
            for part in _content(shapes, precision, weights):
                digest.update(part)
                out.write(part)
            out.flush()
            os.fsync(out.fileno())
        partial.chmod(0o644)
        # First: a file without its checksum would be written again, one with another's as well.
        _checksum_file(file).write_text(digest.hexdigest(), encoding="ascii")
        _checksum_file(file).chmod(0o644)
        partial.rename(file)


def map_packed(file: Path, shapes: Shapes) -> dict[str, PackedWeight]:
    """The weights of a file, mapped: a page is read when it is first used, and shared."""
    packed = {}
    with safe_open(file, framework="pt") as tensors:
        for name, (out_features, in_features) in shapes.items():
            values, scales = (tensors.get_tensor(f"{name}.{part}") for part in ("values", "scales"))
            packed[name] = PackedWeight(values, scales, out_features, in_features)
    return packed


def _is_whole(file: Path) -> bool:
    """Whether the file is there, as it was written; it is read once until it changes."""
    try:
        written = _checksum_file(file).read_text(encoding="ascii")
        return remembered_sha256(file, file.parent) == written
    except (OSError, ValueError):
        return False


def _checksum_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def _content(
    shapes: Shapes, precision: Precision, weights: Iterable[tuple[str, Tensor]]
) -> Iterator[bytes | memoryview]:
    """The parts of the file, in order."""
    yield _header(shapes, precision)
    for _, weight in weights:
        packed = pack(weight, precision)
        for part in (packed.values, packed.scales):
            yield part.flatten().view(torch.uint8).numpy().data
            yield bytes(-part.nbytes % _ALIGNMENT)


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
