"""A base and the pool that is trained on it, with the memory that its activations may take."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from adapters_store.weights.frozen import FrozenLinear
from scheduler.fit.cpu_attention import LONGEST, NAME
from scheduler.fit.micro_batches import ActivationSize, training_micro_batches

ACTIVATION_BYTES = 3 << 28
"""The budget on a CPU. With it the child of a 1.5B takes 2 GB beside the base's weights, and a
usual step of a 0.5B is two micro-batches."""

_NORM_STATES = 4
"""Copies of a block's input that its norms keep."""


class TrainedModel:
    """Cuts the sequences of a step into micro-batches that fit into the memory."""

    def __init__(self, base: BaseModel, pool: AdapterPool) -> None:
        self.base = base
        self.pool = pool
        self._blocks = _trained_blocks(base.model, pool)
        self._size = activation_size(base, self._blocks)
        self._budget = _budget(base.device)

    def micro_batches(self, lengths: Sequence[int], rows: int = 1) -> Iterator[tuple[int, ...]]:
        """Group the indices of sequences; each of the `lengths` is that of `rows` rows.

        Until the next group is asked for, forward passes are checkpointed if this one needs it.
        """
        for batch in training_micro_batches(lengths, self._size, self._budget, rows):
            with checkpoint_blocks(self._blocks if batch.is_checkpointed else ()):
                yield batch.indices


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
