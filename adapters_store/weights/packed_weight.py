"""A frozen weight in blocks of outputs, and how it is packed and unpacked."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from adapters_store.records import Precision
from adapters_store.weights.tiles import BLOCK, GROUP

_LARGEST = 127


@dataclass(frozen=True, slots=True)
class PackedWeight:
    """A weight [out, in] in blocks of 16 outputs, padded with zeros to whole blocks and groups.

    - int8: `values` [blocks, in / 2, 16, 2] and `scales` float32 [blocks, in / 64, 16]: weight =
      value * scale, one scale per output and group of 64 inputs.
    - bfloat16, float32: `values` [blocks, in, 16]; `scales` is empty.
    """

    values: Tensor
    scales: Tensor
    out_features: int
    in_features: int

    @property
    def padded_inputs(self) -> int:
        """Inputs of a row, padding included."""
        return self.values[0].numel() // BLOCK

    @property
    def nbytes(self) -> int:
        """The memory of values and scales."""
        return self.values.nbytes + self.scales.nbytes

    def moved(self, move: Callable[[Tensor], Tensor]) -> "PackedWeight":
        """The weight on another device, in the same dtypes."""
        values, scales = (
            part.to(move(part.new_empty(0)).device) for part in (self.values, self.scales)
        )
        return PackedWeight(values, scales, self.out_features, self.in_features)

    def unpack(self, start: int = 0, end: int | None = None) -> Tensor:
        """The outputs of blocks `start` to `end` (all), float32 [outputs, in]."""
        values = self.values[start:end]
        if self.scales.numel():
            scales = self.scales[start:end].transpose(1, 2)[..., None]
            rows = values.transpose(1, 2).reshape(len(values), BLOCK, -1, GROUP) * scales
        else:
            rows = values.transpose(1, 2).float()
        outputs = min(self.out_features - start * BLOCK, len(values) * BLOCK)
        return rows.reshape(len(values) * BLOCK, -1)[:outputs, : self.in_features]

    def rows(self, ids: Tensor) -> Tensor:
        """Single outputs' weights, as an embedding needs them: [n] int64 to float32 [n, in]."""
        block, place = ids // BLOCK, ids % BLOCK
        if self.scales.numel():
            # [n, in / 2, 2] int8, and a scale for each group.
            values = self.values[block, :, place].reshape(len(ids), -1, GROUP)
            rows = values * self.scales[block, :, place][..., None]
        else:
            rows = self.values[block, :, place].float()
        return rows.reshape(len(ids), -1)[:, : self.in_features]


def packed_shapes(
    out_features: int, in_features: int, precision: Precision
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of a packed weight's values and scales."""
    blocks, groups = -(-out_features // BLOCK), -(-in_features // GROUP)
    if precision == "int8":
        return (blocks, groups * GROUP // 2, BLOCK, 2), (blocks, groups, BLOCK)
    return (blocks, groups * GROUP, BLOCK), (0,)


def pack(weight: Tensor, precision: Precision) -> PackedWeight:
    """Pack a weight [out, in]. int8 rounds to the nearest of 255 steps per output and group."""
    outputs, inputs = weight.shape
    padded = F.pad(weight, (0, -inputs % GROUP, 0, -outputs % BLOCK))
    blocks = padded.view(-1, BLOCK, padded.shape[1])
    if precision != "int8":
        dtype = getattr(torch, precision)
        values = blocks.to(dtype).transpose(1, 2).contiguous()
        return PackedWeight(values, torch.empty(0), outputs, inputs)
    groups = blocks.float().reshape(len(blocks), BLOCK, -1, GROUP)
    scales = groups.abs().amax(dim=-1) / _LARGEST
    steps = groups / torch.where(scales == 0, 1, scales)[..., None]
    # Pairs of inputs of 16 outputs lie side by side.
    pairs = steps.round_().to(torch.int8).reshape(len(blocks), BLOCK, -1, 2)
    return PackedWeight(
        pairs.transpose(1, 2).contiguous(), scales.transpose(1, 2).contiguous(), outputs, inputs
    )
