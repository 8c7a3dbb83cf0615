"""Adapters by address: a row names where its adapter lies, and nothing is copied.

A packed adapter holds only the layers and products in which it adds something.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from adapters_store.lora import ADAPTER_DTYPE, PEFT_PREFIX
from adapters_store.records import LoraConfig
from adapters_store.weights.tiles import BLOCK, GROUP, RANKS

_LAYOUT = 1  # a number for what `pack` does: adapters that were packed otherwise are not read


class AddressedAdapter(NamedTuple):
    """One adapter: `buffer` bfloat16, `places` int64 [layers, products, 2].

    A place is that of A or B in the buffer, in bytes, -1 for none. A is [linears * rank / 8, in, 8]
    with inputs padded to whole groups, B is [blocks, rank, 16] with scaling folded in, one block
    for each of the base's. Ranks are padded to multiples of 8.
    """

    buffer: Tensor
    places: Tensor


class Projection(NamedTuple):
    """Linears with a common input, in every layer. `paths` is [layers][linears]."""

    paths: Sequence[Sequence[str]]
    in_features: int
    out_features: Sequence[int]


class AdapterTable:
    """The packing of adapters, and which row has which."""

    def __init__(
        self, projections: Sequence[Projection], adapted: set[str], config: LoraConfig, rows: int
    ) -> None:
        self._projections = projections
        self._adapted = adapted
        self._config = config
        self.rank = -(-config.rank // RANKS) * RANKS
        layers = len(projections[0].paths)
        self._addresses = np.zeros((layers, len(projections), 2, rows), np.int64)
        self._bound: list[AddressedAdapter | None] = [None] * rows
        shapes = [(each.in_features, *each.out_features) for each in projections]
        self.layout = f"{_LAYOUT} {config} {layers} {shapes} {sorted(adapted)}"

    def pack(self, tensors: Mapping[str, Tensor]) -> AddressedAdapter:
        """Check and lay out one adapter. See `Runner.pack`."""
        parts: list[Tensor] = []
        places = torch.full(self._addresses.shape[:3], -1, dtype=torch.int64)
        size = 0
        for number, projection in enumerate(self._projections):
            for layer, paths in enumerate(projection.paths):
                pairs = [
                    self._pair(tensors, path, out, projection.in_features)
                    for path, out in zip(paths, projection.out_features, strict=True)
                ]
                if not any(b.any() for _, b in pairs):
                    continue
                for kind, part in enumerate((self._shrinking(pairs), self._expanding(pairs))):
                    places[layer, number, kind] = size
                    size += part.nbytes
                    parts.append(part.flatten())
        buffer = torch.cat(parts) if parts else torch.empty(0, dtype=ADAPTER_DTYPE)
        return AddressedAdapter(buffer, places)

    def bind(self, row: int, adapter: AddressedAdapter | None) -> None:
        """Give a row an adapter; the row keeps it in memory."""
        self._bound[row] = adapter
        if adapter is None:
            self._addresses[..., row] = 0
        else:
            places = adapter.places.numpy()
            self._addresses[..., row] = np.where(places < 0, 0, adapter.buffer.data_ptr() + places)

    def addresses(self, rows: Any) -> Any:
        """The addresses for tokens of these rows, int64 [layers, products, 2, tokens]."""
        return self._addresses[..., rows]

    def _pair(
        self, tensors: Mapping[str, Tensor], path: str, out: int, inputs: int
    ) -> tuple[Tensor, Tensor]:
        """A linear's A and scaled B, zeros if it is not adapted."""
        rank = self._config.rank
        if path not in self._adapted:
            return torch.zeros(rank, inputs), torch.zeros(out, rank)
        matrices = []
        for matrix, shape in (("lora_A", (rank, inputs)), ("lora_B", (out, rank))):
            tensor = tensors[f"{PEFT_PREFIX}{path}.{matrix}.weight"]
            if tensor.shape != shape:
                raise ValueError(f"{path}.{matrix} has shape {tuple(tensor.shape)}, not {shape}")
            matrices.append(tensor.float())
        return matrices[0], matrices[1] * self._config.scaling

    def _shrinking(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        missing = self.rank - self._config.rank
        rows = torch.cat([F.pad(a, (0, -a.shape[1] % GROUP, 0, missing)) for a, _ in pairs])
        return rows.view(-1, RANKS, rows.shape[1]).transpose(1, 2).to(ADAPTER_DTYPE).contiguous()

    def _expanding(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        missing = self.rank - self._config.rank
        rows = torch.cat([F.pad(b, (0, missing, 0, -len(b) % BLOCK)) for _, b in pairs])
        return rows.view(-1, BLOCK, self.rank).transpose(1, 2).to(ADAPTER_DTYPE).contiguous()
