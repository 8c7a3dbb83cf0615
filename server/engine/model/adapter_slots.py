"""The rows' adapters on their device, laid out for one batched product per projection.

An adapter is copied into a slot once, when a reply begins, so no step gathers weights. Rows with
the same adapter share a slot.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from adapters_store.lora import ADAPTER_DTYPE, PEFT_PREFIX
from adapters_store.records import LoraConfig
from server.engine.model.kernels import LowRank, blocks_of
from server.engine.model.token_tiles import NO_SLOT

PARTS = 4
"""A model's layers are cut into so many parts; adapters begin with one of them."""

PackedAdapter = tuple[Tensor, ...]
"""One adapter in the layout of the slots: `A`, then `B`, of every projection.

Their first dimension is the layers from the adapter's first part on."""


@dataclass(frozen=True, slots=True)
class ProjectionShape:
    """Linears that share an input and are multiplied as one, in every layer.

    `paths` is [layers][linears]; `is_adapted` says which of the linears carry an adapter.
    """

    paths: tuple[tuple[str, ...], ...]
    in_features: int
    out_features: tuple[int, ...]
    is_adapted: tuple[bool, ...]


class ProjectionSlots:
    """The slots' low-rank pairs of one projection (Hu et al. 2021, equation 3), all layers.

    The products with A share their input, so the A of all linears are one matrix, and so are
    their B. A part of the layers has no memory until an adapter needs it.
    """

    def __init__(
        self,
        shape: ProjectionShape,
        config: LoraConfig,
        slots: int,
        starts: Sequence[int],
        device: torch.device,
    ) -> None:
        adapted = [i for i, is_adapted in enumerate(shape.is_adapted) if is_adapted]
        ends = [sum(shape.out_features[: i + 1]) for i in range(len(shape.out_features))]
        self._columns = [slice(ends[i] - shape.out_features[i], ends[i]) for i in adapted]
        self._paths = [[layer[i] for i in adapted] for layer in shape.paths]
        self._outputs = [shape.out_features[i] for i in adapted]
        self._in_features = shape.in_features
        self._config = config
        self._slots = slots
        self._device = device
        self._blocks = blocks_of(self._columns, device)
        self._parts = list(pairwise((*starts, len(shape.paths))))
        self._buffers: dict[int, tuple[Tensor, Tensor]] = {}  # by a part's first layer
        self._layers: dict[int, LowRank] = {}

    def layer(self, index: int) -> LowRank:
        """The slots in one layer. An adapter that begins there or before must have been bound."""
        return self._layers[index]

    def check(self, tensors: Mapping[str, Tensor]) -> None:
        """See `Runner.pack` for what it raises."""
        rank = self._config.rank
        for paths in self._paths:
            for path, outputs in zip(paths, self._outputs, strict=True):
                a, b = _pair(tensors, path)
                for matrix, found, shape in (
                    ("lora_A", a, (rank, self._in_features)),
                    ("lora_B", b, (outputs, rank)),
                ):
                    if found.shape != shape:
                        raise ValueError(
                            f"{path}.{matrix} has shape {tuple(found.shape)}, not {shape}"
                        )

    def is_zero(self, tensors: Mapping[str, Tensor], layer: int) -> bool:
        """Whether an adapter adds nothing in a layer."""
        return not any(_pair(tensors, path)[1].any() for path in self._paths[layer])

    def pack(self, tensors: Mapping[str, Tensor], first: int) -> tuple[Tensor, Tensor]:
        """Lay out an adapter's layers from `first` on, on the CPU.

        A is [layers, linears * rank, in] and B [layers, outputs, rank]. The scaling is folded into
        B in float32, so it is rounded once.
        """
        a, b = self.blank(first)
        for layer, paths in enumerate(self._paths[first:]):
            pairs = [_pair(tensors, path) for path in paths]
            a[layer] = torch.cat([small for small, _ in pairs])
            b[layer] = torch.cat([large for _, large in pairs]).float() * self._config.scaling
        return a, b

    def blank(self, first: int) -> tuple[Tensor, Tensor]:
        """Layers from `first` on that add nothing, as `pack` lays them out."""
        layers, rank = len(self._paths) - first, self._config.rank
        a = torch.zeros(layers, len(self._outputs) * rank, self._in_features, dtype=ADAPTER_DTYPE)
        return a, torch.zeros(layers, sum(self._outputs), rank, dtype=ADAPTER_DTYPE)

    def fill(self, slot: int, first: int, a: Tensor, b: Tensor) -> None:
        """Copy a packed adapter into a slot; nothing is left there of the one before."""
        for start, end in self._parts:
            if start >= first:
                for buffer, packed in zip(self._buffer(start, end), (a, b), strict=True):
                    buffer[:, slot].copy_(packed[start - first : end - first])
            else:
                for buffer in self._buffers.get(start, ()):
                    buffer[:, slot].zero_()

    def _buffer(self, start: int, end: int) -> tuple[Tensor, Tensor]:
        """The slots' memory for a part of the layers: [layers, slots, ...] for A and for B."""
        if start not in self._buffers:
            a, b = (
                packed.new_zeros(end - start, self._slots, *packed.shape[1:], device=self._device)
                for packed in self.blank(end)
            )
            self._buffers[start] = a, b
            for layer, pairs in enumerate(zip(a, b, strict=True), start):
                self._layers[layer] = LowRank(*pairs, self._columns, self._blocks)
        return self._buffers[start]


class SharedSlots:
    """Which slot each row's adapter is in. There are as many slots as rows."""

    def __init__(self, rows: int) -> None:
        self._of_rows = [NO_SLOT] * rows
        self._adapters: list[PackedAdapter | None] = [None] * rows  # by slot
        self._by_last_use = list(range(rows))

    def bind(
        self, row: int, adapter: PackedAdapter | None, fill: Callable[[int, PackedAdapter], None]
    ) -> None:
        """Give a row an adapter; `fill` copies it into a slot, unless it lies in one."""
        self._of_rows[row] = NO_SLOT
        if adapter is None:
            return
        found = [slot for slot, held in enumerate(self._adapters) if held is adapter]
        # A slot keeps its adapter until another needs it: its user may well write again.
        slot = found[0] if found else next(s for s in self._by_last_use if s not in self._of_rows)
        if not found:
            self._adapters[slot] = None  # in case the copy fails
            fill(slot, adapter)
            self._adapters[slot] = adapter
        self._of_rows[row] = slot
        self._by_last_use.remove(slot)
        self._by_last_use.append(slot)

    def __getitem__(self, row: int) -> int:
        return self._of_rows[row]


class AdapterSlots:
    """The slots of all projections, which row uses which, and where each adapter begins."""

    def __init__(
        self,
        shapes: Sequence[ProjectionShape],
        config: LoraConfig,
        rows: int,
        device: torch.device,
    ) -> None:
        self._layers = len(shapes[0].paths)
        # Few beginnings, so that there are few graphs. Trained adapters begin in the middle.
        self._starts = sorted({self._layers * part // PARTS for part in range(PARTS)})
        self.projections = [
            ProjectionSlots(shape, config, rows, self._starts, device)
            if any(shape.is_adapted)
            else None
            for shape in shapes
        ]
        self._slots = SharedSlots(rows)
        self._first_layers = [self._layers] * rows  # by slot

    def pack(self, tensors: Mapping[str, Tensor]) -> PackedAdapter:
        """See `Runner.pack`. Layers below the first that adds something take no memory."""
        projections = list(filter(None, self.projections))
        for projection in projections:
            projection.check(tensors)
        first = 0
        while first < self._layers and all(p.is_zero(tensors, first) for p in projections):
            first += 1
        if first < self._layers:
            first = self._starts[bisect_right(self._starts, first) - 1]
        return tuple(part for each in projections for part in each.pack(tensors, first))

    def blank(self) -> PackedAdapter:
        """An adapter that adds nothing in the last part of the layers."""
        projections = filter(None, self.projections)
        return tuple(part for each in projections for part in each.blank(self._starts[-1]))

    def bind(self, row: int, adapter: PackedAdapter | None) -> None:
        """See `Runner.bind`."""
        self._slots.bind(row, adapter, self._fill)

    def of(self, rows: Sequence[int]) -> list[int]:
        """Each row's slot."""
        return [self._slots[row] for row in rows]

    def first_layer(self, slots: Sequence[int]) -> int:
        """The first layer in which one of these adapters adds something; if none, their number."""
        bound = (self._first_layers[slot] for slot in slots if slot != NO_SLOT)
        return min(bound, default=self._layers)

    def _fill(self, slot: int, adapter: PackedAdapter) -> None:
        first = self._first_layers[slot] = self._layers - len(adapter[0])
        parts = iter(adapter)
        for projection in filter(None, self.projections):
            projection.fill(slot, first, next(parts), next(parts))


def _pair(tensors: Mapping[str, Tensor], path: str) -> tuple[Tensor, Tensor]:
    """A and B of one linear: [rank, in] and [out, rank]."""
    a, b = (tensors[f"{PEFT_PREFIX}{path}.{matrix}.weight"] for matrix in ("lora_A", "lora_B"))
    return a, b
