"""The adapters of the rows being written, laid out for one batched product per projection.

An adapter is copied into its row once, when the reply begins; no step gathers weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd

import torch
from torch import Tensor

from adapters_store.lora import PEFT_PREFIX
from adapters_store.records import LoraConfig

PackedAdapter = tuple[Tensor, ...]
"""One adapter in the layout of the rows: `A`, then `B`, of every projection."""


@dataclass(frozen=True, slots=True)
class ProjectionShape:
    """Linears that share an input and are multiplied as one, in every layer.

    `paths` is [layers][linears]; `is_adapted` tells which of the linears carry an adapter.
    """

    paths: tuple[tuple[str, ...], ...]
    in_features: int
    out_features: tuple[int, ...]
    is_adapted: tuple[bool, ...]


class ProjectionRows:
    """The rows' low-rank pairs of one projection (Hu et al. 2021, equation 3), all layers.

    `A` is [layers, rows, in, linears * rank]: the shrinking products share their input, so they are
    one. `B` is [layers, rows, blocks, rank, block]: outputs are cut into blocks of one width, each
    fed by the `A` of its linear, so that the expanding products are one, too.
    """

    def __init__(
        self,
        shape: ProjectionShape,
        config: LoraConfig,
        rows: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        layers, linears, rank = len(shape.paths), len(shape.out_features), config.rank
        self.shape = shape
        self._config = config
        self._block = gcd(*shape.out_features)
        self._sources = torch.tensor(
            [i for i, out in enumerate(shape.out_features) for _ in range(out // self._block)],
            device=device,
        )
        blocks = len(self._sources)
        self._a = torch.zeros(
            layers, rows, shape.in_features, linears * rank, dtype=dtype, device=device
        )
        self._b = torch.zeros(layers, rows, blocks, rank, self._block, dtype=dtype, device=device)

    def pack(self, tensors: Mapping[str, Tensor], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Lay out one adapter, named and shaped as PEFT writes it; alpha / rank goes into `B`.

        Raises `KeyError` for a missing tensor and `ValueError` for a wrong shape.
        """
        shape, rank = self.shape, self._config.rank
        layers = len(shape.paths)
        a = torch.zeros(layers, *self._a.shape[2:], dtype=dtype)
        b = torch.zeros(layers, *self._b.shape[2:], dtype=dtype)
        block = 0
        for i, out in enumerate(shape.out_features):
            end = block + out // self._block
            if shape.is_adapted[i]:
                paths = [layer[i] for layer in shape.paths]
                small = _stacked(tensors, paths, "lora_A", (rank, shape.in_features))
                a[:, :, i * rank : (i + 1) * rank] = small.mT
                large = _stacked(tensors, paths, "lora_B", (out, rank)) * self._config.scaling
                b[:, block:end] = large.view(layers, -1, self._block, rank).mT
            block = end
        return a, b

    def bind(self, row: int, a: Tensor, b: Tensor) -> None:
        """Copy a packed adapter into a row."""
        self._a[:, row].copy_(a)
        self._b[:, row].copy_(b)

    def clear(self, row: int) -> None:
        """Let a row have no adapter."""
        self._a[:, row].zero_()
        self._b[:, row].zero_()

    def of_rows(self, layer: int, x: Tensor) -> Tensor:
        """What the adapters add for `x` [rows, in], one token of each first row: [rows, out]."""
        rows = len(x)
        low = torch.bmm(x.to(self._a.dtype)[:, None], self._a[layer, :rows])
        low = self._spread(low.view(rows, -1, self._config.rank)).flatten(0, 1)
        b = self._b[layer, :rows].flatten(0, 1)
        return torch.bmm(low[:, None], b).view(rows, -1).to(x.dtype)

    def of_prompts(self, layer: int, x: Tensor, prompts: "PaddedPrompts") -> Tensor:
        """What the adapters add for the tokens of prompts, `x` [tokens, in]: [tokens, out]."""
        count, length = len(prompts), prompts.length
        padded = x[prompts.padded].view(count, length, -1).to(self._a.dtype)
        low = torch.bmm(padded, self._a[layer, prompts.rows])
        low = self._spread(low.view(count * length, -1, self._config.rank))
        low = low.view(count, length, -1, self._config.rank).transpose(1, 2).flatten(0, 1)
        parts = torch.bmm(low, self._b[layer, prompts.rows].flatten(0, 1)).to(x.dtype)
        parts = parts.view(count, -1, length, self._block).transpose(1, 2)
        return parts.reshape(count * length, -1)[prompts.unpadded]

    def _spread(self, low: Tensor) -> Tensor:
        """[tokens, linears, rank] to [tokens, blocks, rank]: each block's linear."""
        return low if low.shape[1] == len(self._sources) else low[:, self._sources]


class PaddedPrompts:
    """Prompts of consecutive rows that one step reads, padded for one product over all of them.

    `rows` are their rows and `length` is the longest's; `padded` [prompts * length] are the tokens
    to take for the padded layout, `unpadded` [tokens] are the places in it to take back.
    """

    def __init__(self, first_row: int, lengths: Sequence[int], device: torch.device) -> None:
        self.rows = slice(first_row, first_row + len(lengths))
        self.length = max(lengths)
        padded: list[int] = []
        unpadded: list[int] = []
        start = 0
        for place, tokens in enumerate(lengths):
            unpadded.extend(range(place * self.length, place * self.length + tokens))
            padded.extend(start + min(i, tokens - 1) for i in range(self.length))
            start += tokens
        self.padded = torch.tensor(padded, device=device)
        self.unpadded = torch.tensor(unpadded, device=device)

    def __len__(self) -> int:
        return self.rows.stop - self.rows.start


class AdapterRows:
    """All projections' rows; which of the rows have an adapter."""

    def __init__(
        self,
        shapes: Sequence[ProjectionShape],
        config: LoraConfig,
        rows: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """`dtype` is that of the base weights, in which packed adapters are kept."""
        self._packed_dtype = dtype
        # float32 is twice the bytes and still half the time: the CPU's bfloat16 kernels are made
        # for large products.
        row_dtype = torch.float32 if device.type == "cpu" else dtype
        self.projections = [
            ProjectionRows(shape, config, rows, row_dtype, device)
            if any(shape.is_adapted)
            else None
            for shape in shapes
        ]
        self._is_bound = [False] * rows

    def pack(self, tensors: Mapping[str, Tensor]) -> PackedAdapter:
        """Lay out one adapter, on the CPU. Raises `KeyError` and `ValueError` where it is unfit."""
        return tuple(
            part
            for projection in self.projections
            if projection
            for part in projection.pack(tensors, self._packed_dtype)
        )

    def bind(self, row: int, adapter: PackedAdapter | None) -> None:
        """Let a row write with this adapter from the next step on; None is the base."""
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
    """One linear's matrices of all layers, [layers, *shape]."""
    found = [tensors[f"{PEFT_PREFIX}{path}.{matrix}.weight"] for path in paths]
    for path, tensor in zip(paths, found, strict=True):
        if tensor.shape != shape:
            raise ValueError(f"{path}.{matrix} has shape {tuple(tensor.shape)}, not {shape}")
    return torch.stack(found)
