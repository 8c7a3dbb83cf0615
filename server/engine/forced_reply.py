"""A reply of which every token is given: so the engine tells how likely it finds that text."""

from collections.abc import Sequence

import torch
from torch import Tensor


class ForcedState:
    """How much of one forced reply is written."""

    def __init__(self, tokens: Sequence[int], vocabulary_size: int) -> None:
        self._tokens = tokens
        self._vocabulary_size = vocabulary_size
        self._num_written = 0

    @property
    def is_complete(self) -> bool:
        """Whether all of it is written."""
        return self._num_written == len(self._tokens)

    def allowed(self) -> Tensor:
        """The next token and no other: bool [vocabulary]."""
        allowed = torch.zeros(self._vocabulary_size, dtype=torch.bool)
        allowed[self._tokens[self._num_written]] = True
        return allowed

    def push(self, token: int) -> bool:
        """Go on by one token; False where it is another one."""
        is_next = token == self._tokens[self._num_written]
        self._num_written += 1
        return is_next


class ForcedReply:
    """A grammar of one text, as its token ids; at least one, and no end of turn among them.

    Log-probabilities are told before grammars, so those of a forced reply are the model's own.
    """

    def __init__(self, tokens: Sequence[int], vocabulary_size: int) -> None:
        self._tokens = tuple(tokens)
        self._vocabulary_size = vocabulary_size

    def start(self) -> ForcedState:
        """The state of a reply that has not begun."""
        return ForcedState(self._tokens, self._vocabulary_size)
