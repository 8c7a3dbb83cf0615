"""What the base makes of the replies of a fit: read once, because the base does not change."""

from collections.abc import Sequence

import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from scheduler.fit.activation_cache import MOST_TOKENS
from scheduler.fit.batching import Batch, TokenisedReply
from scheduler.fit.losses import reply_states
from scheduler.fit.vocabulary import States


class ReferenceStates:
    """The base's last states of reply tokens, of at most `MOST_TOKENS` of them.

    What a fit has read belongs to its slot.
    """

    def __init__(self, base: BaseModel, pool: AdapterPool) -> None:
        self._base = base
        self._pool = pool
        self._known: dict[tuple[int, TokenisedReply], Tensor] = {}
        self._output: type | None = None

    def of(self, rows: Sequence[tuple[int, TokenisedReply]], batch: Batch) -> States:
        """The states that predict the reply tokens of a batch; `rows` are (slot, reply)."""
        if self._output is not None and all(row in self._known for row in rows):
            return States(torch.cat([self._known[row] for row in rows]), self._output)
        with torch.no_grad(), self._pool.use(NO_ADAPTER):
            read = reply_states(self._base, batch)
        self._output = read.output
        sizes = [reply.reply_tokens for _, reply in rows]
        num_tokens = sum(map(len, self._known.values()))
        for row, states in zip(rows, read.split(sizes), strict=True):
            if row not in self._known and num_tokens + len(states.values) <= MOST_TOKENS:
                self._known[row] = states.values.clone()
                num_tokens += len(states.values)
        return read

    def forget(self, slot: int) -> None:
        """Drop what the fit of a slot has read."""
        self._known = {row: each for row, each in self._known.items() if row[0] != slot}
