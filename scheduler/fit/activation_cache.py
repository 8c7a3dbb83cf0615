"""Caches the output of the blocks below the trained ones: only the adapters above them change."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool

MOST_TOKENS = 16_384
"""The cache's size in tokens: 38 MB for 576 dimensions in float32, 134 MB for 4,096 in bfloat16.
Of all fits together; sequences beyond that pass all blocks every time."""

_Key = tuple[int, tuple[int, ...]]
"""The fit's slot and the ids."""


class ActivationCache:
    """The lower blocks' output for each sequence so far, float [tokens, dimensions].

    Batches must be right-padded. What a fit has read belongs to its slot: while it is cached,
    nothing may change the lower blocks of that slot. What the base reads is not cached: it reads
    each reply once.
    """

    def __init__(self, base: BaseModel, pool: AdapterPool) -> None:
        self._body = base.model.base_model
        self._blocks = _untrained_blocks(base.model, pool)
        self._pool = pool
        self._outputs: dict[_Key, Tensor] = {}
        self._slots: Sequence[int] = ()
        self._batch: Sequence[_Key] = ()
        self._is_hit = False

    @contextmanager
    def reading(self, slots: Sequence[int]) -> Iterator[None]:
        """Cache the lower blocks' output within a `with`; `slots` are those of the fits, by row.

        A batch may have only the first of these rows, and the base may read them, too.
        """
        if not self._blocks:
            yield
            return
        self._slots = slots
        handle = self._body.register_forward_pre_hook(self._look_up, with_kwargs=True)
        for block in self._blocks:
            # Set on the instance, so that deleting it restores the class's `forward`.
            block.forward = partial(self._forward, block.forward, block is self._blocks[-1])
        try:
            yield
        finally:
            handle.remove()
            for block in self._blocks:
                del block.forward

    def forget(self, slot: int) -> None:
        """Drop what the fit of a slot has read."""
        self._outputs = {key: each for key, each in self._outputs.items() if key[0] != slot}

    def _look_up(self, model: nn.Module, arguments: Any, options: dict[str, Any]) -> None:
        """Note which sequences the model is about to read, and whether all are cached."""
        if options["input_ids"] is None:
            return  # only the head runs, on states that the body made before
        lengths = options["attention_mask"].sum(dim=1).tolist()
        rows = zip(self._slots, options["input_ids"].tolist(), lengths, strict=False)
        is_base = self._pool.is_base_in_use
        self._batch = [] if is_base else [(slot, tuple(ids[:length])) for slot, ids, length in rows]
        self._is_hit = bool(self._batch) and all(key in self._outputs for key in self._batch)

    def _forward(
        self, block: Callable[..., Tensor], is_last: bool, hidden: Tensor, **options: Any
    ) -> Tensor:
        """Run a block; on a hit, pass its input on instead, and the cached output if it is last."""
        if not self._is_hit:
            hidden = block(hidden, **options)
            if is_last and self._batch:
                self._store(hidden.detach())
            return hidden
        if not is_last:
            return hidden
        padded = torch.zeros_like(hidden)
        for row, key in zip(padded, self._batch, strict=True):
            row[: len(key[1])] = self._outputs[key]
        return padded

    def _store(self, hidden: Tensor) -> None:
        num_tokens = sum(map(len, self._outputs.values()))
        for row, key in zip(hidden, self._batch, strict=True):
            size = len(key[1])
            if key not in self._outputs and num_tokens + size <= MOST_TOKENS:
                self._outputs[key] = row[:size].clone()
                num_tokens += size


def _untrained_blocks(model: nn.Module, pool: AdapterPool) -> list[nn.Module]:
    """The decoder's blocks below the lowest trained one, from the input up."""
    lowest = pool.lowest_trained_block
    if lowest is None:
        return []
    stack, number = lowest
    return [model.get_submodule(f"{stack}.{each}") for each in range(number)]
