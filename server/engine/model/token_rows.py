"""Which row each token of a step belongs to."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from server.engine.model.runner import Chunk


class TokenRows:
    """First a token for each decoding row, then the tokens of chunks of consecutive rows."""

    def __init__(self, decoding: int, chunks: Sequence[Chunk], device: torch.device) -> None:
        self.decoding = decoding
        self.chunks = chunks
        self._device = device

    @cached_property
    def of_tokens(self) -> Tensor:
        """Each token's row, [tokens], int64."""
        rows = list(range(self.decoding))
        for chunk in self.chunks:
            rows.extend([chunk.row] * len(chunk.tokens))
        return torch.tensor(rows, device=self._device)

    @cached_property
    def padded_chunks(self) -> "PaddedChunks":
        """The chunks' tokens in a rectangle."""
        lengths = [len(chunk.tokens) for chunk in self.chunks]
        return PaddedChunks(self.chunks[0].row, self.decoding, lengths, self._device)


class PaddedChunks:
    """Chunks of consecutive rows, padded to the longest for one product over all of them.

    `padded` [chunks * length] indexes the step's tokens in the padded layout, `unpadded`
    [chunks' tokens] indexes the padded layout to get them back.
    """

    def __init__(
        self, first_row: int, first_token: int, lengths: Sequence[int], device: torch.device
    ) -> None:
        self.rows = slice(first_row, first_row + len(lengths))
        self.length = max(lengths)
        padded: list[int] = []
        unpadded: list[int] = []
        start = first_token
        for place, tokens in enumerate(lengths):
            unpadded.extend(range(place * self.length, place * self.length + tokens))
            padded.extend(start + min(i, tokens - 1) for i in range(self.length))
            start += tokens
        self.padded = torch.tensor(padded, device=device)
        self.unpadded = torch.tensor(unpadded, device=device)
