"""Runs any decoder through transformers' own modules, with the adapter pool's slots as rows."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from adapters_store.records import LoraConfig
from server.engine.model.layer_masks import LayerMasks
from server.engine.model.row_cache import RowCache
from server.engine.model.runner import Chunk, PackedAdapter, SavedPrefix


class GeneralRunner:
    """One forward pass for the decoding rows, and one for every chunk of a prompt.

    Row r owns slot r + 1 of the pool, so that a step reads weights in place.
    """

    stored_adapters = None

    def __init__(self, base: BaseModel, lora: LoraConfig, rows: int) -> None:
        """Raises `ValueError` for a model that has more than attention to remember."""
        self._masks = LayerMasks(base.model.config)
        self._model = base.model
        self._device = base.device
        self._pool = AdapterPool(base.model, lora, num_slots=rows + 1)
        self._is_bound = [False] * rows
        self._cache = RowCache()

    def pack(self, tensors: Mapping[str, Tensor]) -> PackedAdapter:
        """See `Runner.pack`."""
        self._pool.check(tensors)
        return dict(tensors)

    def bind(self, row: int, adapter: PackedAdapter | None) -> None:
        """See `Runner.bind`."""
        if adapter is not None:
            self._pool.load(row + 1, adapter)
        elif self._is_bound[row]:
            self._pool.clear(row + 1)
        self._is_bound[row] = adapter is not None

    @torch.inference_mode()
    def run(self, tokens: Sequence[int], lengths: Sequence[int], chunks: Sequence[Chunk]) -> Tensor:
        """See `Runner.run`."""
        logits = [self._decode(tokens, lengths)] if tokens else []
        for chunk in chunks:
            found = self._prefill(chunk)
            if chunk.num_logits:
                logits.append(found)
        return torch.cat(logits) if logits else torch.empty(0, device=self._device)

    @torch.inference_mode()
    def save(self, row: int, length: int) -> SavedPrefix:
        """See `Runner.save`."""
        return self._cache.save(row, length)

    @torch.inference_mode()
    def restore(self, row: int, saved: SavedPrefix, length: int) -> None:
        """See `Runner.restore`."""
        self._cache.restore(row, saved, length)

    @torch.inference_mode()
    def move_row(self, source: int, target: int, length: int) -> None:
        """See `Runner.move_row`."""
        self._cache.move(source, target, length)

    def release(self) -> None:
        """See `Runner.release`."""
        self._cache.release()

    def _prefill(self, chunk: Chunk) -> Tensor:
        self._cache.begin_prefill(chunk.row, chunk.start, len(chunk.tokens))
        positions = torch.arange(chunk.start, chunk.end, device=self._device)
        ids = torch.tensor([chunk.tokens], device=self._device)
        wanted = max(1, chunk.num_logits)
        return self._forward(ids, positions[None], chunk.end, [chunk.row], wanted)[0]

    def _decode(self, tokens: Sequence[int], lengths: Sequence[int]) -> Tensor:
        positions = torch.tensor(lengths, device=self._device)
        self._cache.begin_decode(positions)
        ids = torch.tensor(tokens, device=self._device)
        rows = range(len(tokens))
        return self._forward(ids[:, None], positions[:, None], max(lengths) + 1, rows, 1)[:, 0]

    def _forward(
        self, ids: Tensor, positions: Tensor, end: int, rows: Sequence[int], wanted: int
    ) -> Tensor:
        """Logits [rows, wanted, vocabulary] after the last `wanted` tokens.

        `ids` and `positions` [rows, tokens]; the rows' caches hold the first `end` positions.
        """
        is_adapted = any(self._is_bound[row] for row in rows)
        with self._pool.use([row + 1 for row in rows] if is_adapted else NO_ADAPTER):
            output = self._model(
                input_ids=ids,
                position_ids=positions,
                attention_mask=self._masks.of(positions, end, self._model.dtype),
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=wanted,
            )
        logits: Tensor = output.logits
        return logits
