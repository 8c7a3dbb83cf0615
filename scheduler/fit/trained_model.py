"""A base and the pool that is trained on it: works the passes of several fits as one.

Its micro-batches mix the rows of all fits, each row with its own slot. A row's states, and so its
gradients, do not depend on the other rows, except for rounding.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import accumulate

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from adapters_store.weights.frozen import FrozenLinear
from scheduler.fit.activation_cache import ActivationCache
from scheduler.fit.batching import TokenisedReply, collate
from scheduler.fit.cpu_attention import LONGEST, NAME
from scheduler.fit.losses import reply_states
from scheduler.fit.micro_batches import (
    MICRO_BATCH_TOKENS,
    ActivationSize,
    training_micro_batches,
)
from scheduler.fit.passes import Pass, ReadUnits
from scheduler.fit.reference_states import ReferenceStates
from scheduler.fit.vocabulary import States

ACTIVATION_BYTES = 3 << 28
"""The budget on a CPU. With it the child of a 1.5B takes 2 GB beside the base's weights, and a
usual step of a 0.5B is two micro-batches."""

_NORM_STATES = 4
"""Copies of a block's input that its norms keep."""


class TrainedModel:
    """Cuts the replies of passes into micro-batches that fit into the memory."""

    def __init__(self, base: BaseModel, pool: AdapterPool) -> None:
        self.base = base
        self.pool = pool
        self._blocks = _trained_blocks(base.model, pool)
        self._size = activation_size(base, self._blocks)
        self._budget = _budget(base.device)
        self._cache = ActivationCache(base, pool)
        self._references = ReferenceStates(base, pool)

    @contextmanager
    def train(self, slot: int) -> Iterator[None]:
        """Let passes train the slot. Nothing else may change its lower blocks meanwhile."""
        with self.pool.train(slot):
            try:
                yield
            finally:
                self._cache.forget(slot)
                self._references.forget(slot)

    def backward(self, passes: Sequence[Pass]) -> None:
        """Add the gradients of each pass to its slot, which must be in training.

        Each slot has one pass at most.
        """
        units = [(number, i) for number, each in enumerate(passes) for i in range(len(each.units))]
        replies = [passes[number].units[i] for number, i in units]
        # Each row of a mixed batch keeps its adapter: as much as so many tokens keep.
        extra = self.pool.config.rank if len(passes) > 1 else 0
        lengths = [extra + max(len(reply.ids) for reply in unit) for unit in replies]
        rows, most = [len(unit) for unit in replies], MICRO_BATCH_TOKENS * len(passes)
        for batch in training_micro_batches(lengths, self._size, self._budget, rows, most):
            parts: dict[int, list[int]] = {}
            for number, i in (units[place] for place in batch.indices):
                parts.setdefault(number, []).append(i)
            with checkpoint_blocks(self._blocks if batch.is_checkpointed else ()):
                self._backward([(passes[number], tuple(own)) for number, own in parts.items()])

    def _backward(self, parts: Sequence[tuple[Pass, tuple[int, ...]]]) -> None:
        """Work some units of each pass. Their activations are freed with this function."""
        parts = sorted(parts, key=lambda part: not part[0].needs_reference)
        own = [_rows_of(each, units) for each, units in parts]
        ends = list(accumulate(map(len, own)))
        batch = collate([row for rows in own for row in rows], self.base.device)
        num_tokens = [sum(row.reply_tokens for row in rows) for rows in own]
        num_compared = sum(each.needs_reference for each, _ in parts)
        slots = [each.slot for (each, _), rows in zip(parts, own, strict=True) for _ in rows]
        references: list[States | None] = [None] * len(parts)
        with self._cache.reading(slots), self.pool.use(slots):
            if num_compared:
                end = ends[num_compared - 1]
                compared = [row for rows in own for row in rows][:end]
                keys = list(zip(slots[:end], compared, strict=True))
                read = self._references.of(keys, batch.rows(slice(end)))
                references[:num_compared] = read.split(num_tokens[:num_compared])
            states = reply_states(self.base, batch).split(num_tokens)
            objectives = []
            columns = zip(parts, own, ends, states, references, strict=True)
            for (each, units), rows, end, of_part, reference in columns:
                part = batch.rows(slice(end - len(rows), end))
                objectives.append(each.objective(ReadUnits(units, part, of_part, reference)))
            if needed := [objective for objective in objectives if objective is not None]:
                torch.autograd.backward(needed)


def _rows_of(each: Pass, units: Sequence[int]) -> list[TokenisedReply]:
    """The units' first replies, then their second ones."""
    return [row for column in zip(*(each.units[i] for i in units), strict=True) for row in column]


@contextmanager
def checkpoint_blocks(blocks: Sequence[nn.Module]) -> Iterator[None]:
    """Let the blocks keep only their inputs; the backward pass makes the rest again.

    That must happen with the slots of the forward pass in use.
    """
    for block in blocks:
        # Set on the instance, so that deleting it restores the class's `forward`.
        block.forward = partial(
            checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False
        )
    try:
        yield
    finally:
        for block in blocks:
            del block.forward


def activation_size(base: BaseModel, blocks: Sequence[nn.Module]) -> ActivationSize:
    """An estimate of what the `blocks` keep of a token for the backward pass.

    A linear keeps its input, what follows it keeps its output, and norms keep copies of the block's
    input. Without blocks the whole model counts as one.
    """
    config = base.model.config.get_text_config()
    size, width = base.dtype.itemsize, config.hidden_size
    keeps_scores = base.model.config._attn_implementation == NAME
    return ActivationSize(
        num_blocks=max(1, len(blocks)),
        block=size * (max(map(_features, blocks or [base.model])) + _NORM_STATES * width),
        state=size * width,
        score=size * config.num_attention_heads,
        longest_scored=LONGEST if keeps_scores else 0,
    )


def _features(block: nn.Module) -> int:
    linears = [each for each in block.modules() if isinstance(each, nn.Linear | FrozenLinear)]
    return sum(each.in_features + each.out_features for each in linears)


def _trained_blocks(model: nn.Module, pool: AdapterPool) -> list[nn.Module]:
    lowest = pool.lowest_trained_block
    if lowest is None:
        return []
    stack, number = lowest
    return list(model.get_submodule(stack).children())[number:]


def _budget(device: torch.device) -> int:
    """Bytes that the activations may take: on a GPU half of what nobody uses."""
    if device.type == "cpu":
        return ACTIVATION_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return (free + unused) // 2
