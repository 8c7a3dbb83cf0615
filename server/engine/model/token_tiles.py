"""Which adapter each token of a step takes: tokens in tiles, each tile with one adapter."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from server.engine.model.runner import Chunk

NO_SLOT = -1
"""The slot of a row without an adapter."""
TILE = 16
"""Most tokens of a tile: the least that a GPU multiplies at once."""


@dataclass(frozen=True, slots=True)
class TokenTiles:
    """Tile t is the tokens bounds[t] to bounds[t + 1], which take the adapter in slots[t].

    `bounds` is [tiles + 1] and `slots` [tiles], both int64; `width` is the most tokens of a tile.
    """

    bounds: Tensor
    slots: Tensor
    width: int


def tiles_of(
    decoding: int, chunks: Sequence[Chunk], slots: Sequence[int], device: torch.device
) -> TokenTiles:
    """One tile for each decoding row's token, then those of the chunks.

    `slots` are those of the decoding rows, then those of the chunks' rows.
    """
    bounds, of_tiles = list(range(decoding + 1)), list(slots[:decoding])
    for chunk, slot in zip(chunks, slots[decoding:], strict=True):
        start, end = bounds[-1], bounds[-1] + len(chunk.tokens)
        bounds += [*range(start + TILE, end, TILE), end]
        of_tiles += [slot] * (len(bounds) - 1 - len(of_tiles))
    return TokenTiles(
        torch.tensor(bounds, device=device),
        torch.tensor(of_tiles, dtype=torch.long, device=device),
        TILE if chunks else 1,
    )
