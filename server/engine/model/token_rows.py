"""Which row each token of a step belongs to."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from server.engine.model.runner import Chunk


class TokenRows:
    """First a token for each row that decodes, then those of the prompts, of consecutive rows."""

    def __init__(self, decoding: int, prompts: Sequence[Chunk], device: torch.device) -> None:
        self.decoding = decoding
        self.prompts = prompts
        self._device = device

    @cached_property
    def of_tokens(self) -> Tensor:
        """Each token's row, [tokens], int64."""
        rows = list(range(self.decoding))
        for chunk in self.prompts:
            rows.extend([chunk.row] * len(chunk.tokens))
        return torch.tensor(rows, device=self._device)

    @cached_property
    def padded_prompts(self) -> "PaddedPrompts":
        """The prompts' tokens in a rectangle."""
        lengths = [len(chunk.tokens) for chunk in self.prompts]
        first = self.decoding
        return PaddedPrompts(self.prompts[0].row, first, lengths, self._device)


class PaddedPrompts:
    """Prompts of consecutive rows, padded for one product over all of them.

    `rows` are their rows and `length` is the longest's; `padded` [prompts * length] are the
    step's tokens to take for the padded layout, `unpadded` [prompts' tokens] the places in it to
    take back.
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
