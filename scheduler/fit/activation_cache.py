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
Sequences beyond that pass all blocks every time."""

_Key = tuple[int, tuple[int, ...]]


@contextmanager
def cache_activations(base: BaseModel, pool: AdapterPool) -> Iterator[None]:
    """Cache the lower blocks' output, by slot and ids, within a `with`.

    Batches must be right-padded and have one slot; nothing may change the lower blocks meanwhile.
    """
    blocks = _untrained_blocks(base.model, pool)
    if not blocks:
        yield
        return
    cache = _Cache(pool)
    handle = base.model.base_model.register_forward_pre_hook(cache.look_up, with_kwargs=True)
    for block in blocks:
        # Set on the instance, so that deleting it restores the class's `forward`.
        block.forward = partial(cache.forward, block.forward, block is blocks[-1])
    try:
        yield
    finally:
        handle.remove()
        for block in blocks:
            del block.forward


class _Cache:
    """The lower blocks' output for each sequence so far, float [tokens, dimensions]."""

    def __init__(self, pool: AdapterPool) -> None:
        self._pool = pool
        self._outputs: dict[_Key, Tensor] = {}
        self._num_tokens = 0
        self._batch: Sequence[_Key] = ()
        self._is_hit = False

    def look_up(self, model: nn.Module, arguments: Any, options: dict[str, Any]) -> None:
        """Note which sequences the model is about to read, and whether all are cached."""
        if options["input_ids"] is None:
            return  # only the head runs, on states that the body made before
        lengths = options["attention_mask"].sum(dim=1).tolist()
        rows = zip(options["input_ids"].tolist(), lengths, strict=True)
        slot = self._pool.uniform_slot
        self._batch = [(slot, tuple(ids[:length])) for ids, length in rows]
        self._is_hit = all(key in self._outputs for key in self._batch)

    def forward(
        self, block: Callable[..., Tensor], is_last: bool, hidden: Tensor, **options: Any
    ) -> Tensor:
        """Run a block; on a hit, pass its input on instead, and the cached output if it is last."""
        if not self._is_hit:
            hidden = block(hidden, **options)
            if is_last:
                self._store(hidden.detach())
            return hidden
        if not is_last:
            return hidden
        padded = torch.zeros_like(hidden)
        for row, key in zip(padded, self._batch, strict=True):
            row[: len(key[1])] = self._outputs[key]
        return padded

    def _store(self, hidden: Tensor) -> None:
        for row, key in zip(hidden, self._batch, strict=True):
            size = len(key[1])
            if key not in self._outputs and self._num_tokens + size <= MOST_TOKENS:
                self._outputs[key] = row[:size].clone()
                self._num_tokens += size


def _untrained_blocks(model: nn.Module, pool: AdapterPool) -> list[nn.Module]:
    """The decoder's blocks below the lowest trained one, from the input up."""
    lowest = pool.lowest_trained_block
    if lowest is None:
        return []
    stack, number = lowest
    return [model.get_submodule(f"{stack}.{each}") for each in range(number)]
