"""The inputs that all layers of one forward pass share: ids, positions, masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from server.engine.model.runner import Chunk
from server.engine.model.token_tiles import TokenTiles, tiles_of


@dataclass(frozen=True, slots=True)
class ChunkPass:
    """A chunk of a prompt in a pass: which of the pass's tokens are its own, and their mask.

    `mask` is additive, [tokens * query heads of a key head, positions up to the chunk's end].
    """

    chunk: Chunk
    tokens: slice
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Step:
    """One token for each of the first rows, then chunks of prompts of following rows.

    `ids` and `positions` are [tokens]. Decoding rows store keys and values at `places` [rows] and
    see the first `end` positions. Adapters change the layers from `first_layer` on. Logits are
    wanted for the tokens `predicting`; None is all.
    """

    ids: Tensor
    positions: Tensor
    places: Tensor
    end: int
    tiles: TokenTiles
    first_layer: int
    chunks: Sequence[ChunkPass] = ()
    predicting: Tensor | None = None


def step_of(
    tokens: Sequence[int],
    lengths: Sequence[int],
    chunks: Sequence[Chunk],
    *,
    slots: Sequence[int],
    first_layer: int,
    group: int,
    like: Tensor,
) -> Step:
    """The step for rows with `lengths` cached positions, and for chunks.

    `slots` are the adapters of the rows, then of the chunks. `group` is the number of query heads
    of a key head. Masks have the dtype and device of `like`.
    """
    device = like.device
    ids, positions = list(tokens), list(lengths)
    predicting = list(range(len(tokens)))
    passes = []
    for chunk in chunks:
        span = slice(len(ids), len(ids) + len(chunk.tokens))
        passes.append(ChunkPass(chunk, span, _causal(chunk, like).repeat(group, 1)))
        ids.extend(chunk.tokens)
        positions.extend(range(chunk.start, chunk.end))
        predicting.extend(range(len(ids) - chunk.num_logits, len(ids)))
    placed = torch.tensor(positions, device=device)
    return Step(
        ids=torch.tensor(ids, device=device),
        positions=placed,
        places=placed[: len(tokens)],
        end=max(lengths, default=0) + 1,
        tiles=tiles_of(len(tokens), chunks, slots, device),
        first_layer=first_layer,
        chunks=passes,
        predicting=torch.tensor(predicting, dtype=torch.long, device=device) if chunks else None,
    )


def _causal(chunk: Chunk, like: Tensor) -> Tensor:
    """0 for visible positions, else -inf: [tokens, positions up to the chunk's end]."""
    own = torch.arange(chunk.start, chunk.end, device=like.device)
    hidden = torch.arange(chunk.end, device=like.device) > own[:, None]
    mask = torch.zeros(hidden.shape, dtype=like.dtype, device=like.device)
    return mask.masked_fill_(hidden, float("-inf"))
