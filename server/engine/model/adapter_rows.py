"""The rows' adapters, laid out for one batched product per projection.

An adapter is copied into its row once, when the reply begins, so no step gathers weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, gcd

import torch
from torch import Tensor

from adapters_store.lora import ADAPTER_DTYPE, PEFT_PREFIX
from adapters_store.records import LoraConfig
from server.engine.model.kernels import RANK_STEP, Kernels, LowRank
from server.engine.model.token_rows import TokenRows

PackedAdapter = tuple[Tensor, ...]
"""One adapter in the layout of the rows: `A`, then `B`, of every projection."""


@dataclass(frozen=True, slots=True)
class ProjectionShape:
    """Linears that share an input and are multiplied as one, in every layer.

    `paths` is [layers][linears]; `is_adapted` says which of the linears carry an adapter.
    """

    paths: tuple[tuple[str, ...], ...]
    in_features: int
    out_features: tuple[int, ...]
    is_adapted: tuple[bool, ...]


class ProjectionRows:
    """The rows' low-rank pairs of one projection (Hu et al. 2021, equation 3), all layers.

    `a` is [layers, rows, linears * rank, in]: the products with A share their input, so they are
    one. `b` is [layers, rows, blocks, rank, block]: outputs are cut into blocks of one width, each
    fed by the `a` of its linear, so the products with B are one, too.
    """

    def __init__(
        self,
        shape: ProjectionShape,
        config: LoraConfig,
        rows: int,
        device: torch.device,
        kernels: Kernels,
    ) -> None:
        layers, linears = len(shape.paths), len(shape.out_features)
        self._shape = shape
        self._config = config
        self._rank = RANK_STEP * ceil(config.rank / RANK_STEP)
        self._block = gcd(*shape.out_features)
        sources = torch.tensor(
            [i for i, out in enumerate(shape.out_features) for _ in range(out // self._block)],
            device=device,
        )
        a = (layers, rows, linears * self._rank, shape.in_features)
        b = (layers, rows, len(sources), self._rank, self._block)
        self._a = torch.zeros(a, dtype=ADAPTER_DTYPE, device=device)
        self._b = torch.zeros(b, dtype=ADAPTER_DTYPE, device=device)
        self._kernels = kernels
        self._layers = [
            LowRank(*map(kernels.operand, (a, b, sources)))
            for a, b in zip(self._a, self._b, strict=True)
        ]

    def pack(self, tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Lay out one adapter, in PEFT's names and shapes, on the CPU. See `Runner.pack`."""
        shape, rank = self._shape, self._config.rank
        layers = len(shape.paths)
        packed, b = self.blank()
        a = packed.view(layers, -1, self._rank, shape.in_features)
        block = 0
        for i, out in enumerate(shape.out_features):
            end = block + out // self._block
            if shape.is_adapted[i]:
                paths = [layer[i] for layer in shape.paths]
                a[:, i, :rank] = _stacked(tensors, paths, "lora_A", (rank, shape.in_features))
                large = _stacked(tensors, paths, "lora_B", (out, rank))
                b[:, block:end, :rank] = large.view(layers, -1, self._block, rank).mT
            block = end
        return packed, b

    def blank(self) -> tuple[Tensor, Tensor]:
        """An adapter that adds nothing, as `pack` lays it out."""
        a = torch.zeros(len(self._a), *self._a.shape[2:], dtype=ADAPTER_DTYPE)
        return a, torch.zeros(len(self._b), *self._b.shape[2:], dtype=ADAPTER_DTYPE)

    def bind(self, row: int, a: Tensor, b: Tensor) -> None:
        """Copy a packed adapter into a row."""
        self._a[:, row].copy_(a)
        self._b[:, row].copy_(b)

    def clear(self, row: int) -> None:
        """Remove a row's adapter."""
        self._a[:, row].zero_()
        self._b[:, row].zero_()

    def add(self, layer: int, y: Tensor, x: Tensor, rows: TokenRows) -> None:
        """Add the rows' low-rank products of `x` [tokens, in] to `y` [tokens, out]."""
        self._kernels.add_low_rank(y, x, rows, self._layers[layer], self._config.scaling)


class AdapterRows:
    """The rows of all projections, and which rows have an adapter."""

    def __init__(
        self,
        shapes: Sequence[ProjectionShape],
        config: LoraConfig,
        rows: int,
        device: torch.device,
        kernels: Kernels,
    ) -> None:
        self.projections = [
            ProjectionRows(shape, config, rows, device, kernels) if any(shape.is_adapted) else None
            for shape in shapes
        ]
        self._is_bound = [False] * rows

    def pack(self, tensors: Mapping[str, Tensor]) -> PackedAdapter:
        """See `Runner.pack`."""
        return tuple(part for each in filter(None, self.projections) for part in each.pack(tensors))

    def blank(self) -> PackedAdapter:
        """An adapter that adds nothing."""
        return tuple(part for each in filter(None, self.projections) for part in each.blank())

    def bind(self, row: int, adapter: PackedAdapter | None) -> None:
        """See `Runner.bind`."""
        if adapter is None and not self._is_bound[row]:
            return
        parts = iter(adapter or ())
        for projection in filter(None, self.projections):
            if adapter is None:
                projection.clear(row)
            else:
                projection.bind(row, next(parts), next(parts))
        self._is_bound[row] = adapter is not None

    def any_bound(self, rows: Sequence[int]) -> bool:
        """Whether one of these rows has an adapter."""
        return any(self._is_bound[row] for row in rows)


def _stacked(
    tensors: Mapping[str, Tensor], paths: Sequence[str], matrix: str, shape: tuple[int, int]
) -> Tensor:
    """One linear's matrices in all layers, [layers, *shape]."""
    found = [tensors[f"{PEFT_PREFIX}{path}.{matrix}.weight"] for path in paths]
    for path, tensor in zip(paths, found, strict=True):
        if tensor.shape != shape:
            raise ValueError(f"{path}.{matrix} has shape {tuple(tensor.shape)}, not {shape}")
    return torch.stack(found)
