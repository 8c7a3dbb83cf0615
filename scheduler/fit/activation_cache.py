"""Lets every row pass the blocks that a fit does not change only once.

Where only the adapters of the upper blocks are trained, what the lower ones make of a row is the
same at every step; so it is kept. A fit passes each row several times.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool

MOST_TOKENS = 16_384
"""What is kept, in tokens of all rows: 38 MB for 576 dimensions in float32, 134 MB for 4,096 in
bfloat16. Rows beyond that pass all blocks every time."""

_Key = tuple[int, tuple[int, ...]]


@contextmanager
def cache_activations(base: BaseModel, pool: AdapterPool) -> Iterator[None]:
    """Keep what the blocks below the trained ones return, by row and slot, while in the block.

    Rows are right-padded, each batch has one slot, and nothing changes the lower blocks meanwhile.
    """
    blocks = _below_the_trained(base.model, pool)
    if not blocks:
        yield
        return
    kept = _Kept(pool)
    handle = base.model.register_forward_pre_hook(kept.look_up, with_kwargs=True)
    for block in blocks:
        # On the instance: the class's own `forward` is there again once this is deleted.
        block.forward = partial(kept.through, block.forward, block is blocks[-1])
    try:
        yield
    finally:
        handle.remove()
        for block in blocks:
            del block.forward


class _Kept:
    """The lower blocks' output for every row so far, float [tokens of the row, dimensions]."""

    def __init__(self, pool: AdapterPool) -> None:
        self._pool = pool
        self._rows: dict[_Key, Tensor] = {}
        self._tokens = 0
        self._asked: Sequence[_Key] = ()
        self._is_known = False

    def look_up(self, model: nn.Module, arguments: Any, options: dict[str, Any]) -> None:
        """Note which rows the model is about to read."""
        lengths = options["attention_mask"].sum(dim=1).tolist()
        rows = zip(options["input_ids"].tolist(), lengths, strict=True)
        slot = self._pool.uniform_slot
        self._asked = [(slot, tuple(ids[:length])) for ids, length in rows]
        self._is_known = all(key in self._rows for key in self._asked)

    def through(
        self, forward: Callable[..., Tensor], is_last: bool, hidden: Tensor, **options: Any
    ) -> Tensor:
        """What a lower block returns, or, where all rows are known, the last one would."""
        if not self._is_known:
            hidden = forward(hidden, **options)
            if is_last:
                self._keep(hidden.detach())
            return hidden
        if not is_last:
            return hidden
        padded = torch.zeros_like(hidden)
        for row, key in zip(padded, self._asked, strict=True):
            row[: len(key[1])] = self._rows[key]
        return padded

    def _keep(self, hidden: Tensor) -> None:
        for row, key in zip(hidden, self._asked, strict=True):
            size = len(key[1])
            if key not in self._rows and self._tokens + size <= MOST_TOKENS:
                self._rows[key] = row[:size].clone()
                self._tokens += size


def _below_the_trained(model: nn.Module, pool: AdapterPool) -> list[nn.Module]:
    """The decoder's blocks below the lowest one that is trained, from the input up."""
    lowest = pool.lowest_trained_block
    if lowest is None:
        return []
    stack, number = lowest
    return [model.get_submodule(f"{stack}.{each}") for each in range(number)]
