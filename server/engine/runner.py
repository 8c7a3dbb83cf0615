"""Runs the model: token ids in, logits out. Tensors without policy."""

from collections.abc import Sequence

import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from server.engine.kv_cache import RowCache


class ModelRunner:
    """The forward passes of one base model with its adapter slots and its cache.

    Rows are those of the cache. Both passes return float logits [rows, vocabulary] for the next
    token and use the slots named per row.
    """

    def __init__(self, base: BaseModel, pool: AdapterPool) -> None:
        self._model = base.model
        self._device = base.device
        self._pool = pool
        self._cache = RowCache()

    @torch.inference_mode()
    def prefill(self, tokens: Sequence[int], row: int, slot: int) -> Tensor:
        """Write a whole prompt into one row."""
        count = len(tokens)
        self._cache.begin_prefill(row, 0, count)
        positions = torch.arange(count, device=self._device)
        causal = positions[:, None] >= positions[None, :]
        return self._forward(
            torch.tensor([tokens], device=self._device), positions[None], causal[None, None], [slot]
        )

    @torch.inference_mode()
    def decode(self, tokens: Sequence[int], lengths: Sequence[int], slots: Sequence[int]) -> Tensor:
        """Extend the first rows by one token each; `lengths` are their cached positions."""
        positions = torch.tensor(lengths, device=self._device)
        self._cache.begin_decode(positions)
        visible = torch.arange(max(lengths) + 1, device=self._device) <= positions[:, None]
        return self._forward(
            torch.tensor(tokens, device=self._device)[:, None],
            positions[:, None],
            visible[:, None, None],
            slots,
        )

    @torch.inference_mode()
    def move_row(self, source: int, target: int, length: int) -> None:
        """Let the row `source` continue as the row `target`."""
        self._cache.move(source, target, length)

    def release(self) -> None:
        """Give the cache's memory back; call only while no row is in use."""
        self._cache.release()

    def _forward(
        self, ids: Tensor, positions: Tensor, mask: Tensor, slots: Sequence[int]
    ) -> Tensor:
        """`ids`, `positions` [rows, tokens]; `mask` [rows, 1, tokens, cached], True = visible."""
        with self._pool.use(slots):
            output = self._model(
                input_ids=ids,
                position_ids=positions,
                attention_mask=mask,
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=1,
            )
        logits: Tensor = output.logits[:, -1]
        return logits
