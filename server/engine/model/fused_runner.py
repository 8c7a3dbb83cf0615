"""Runs Llama and its like through the fused forward pass."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from adapters_store.lora import linear_shapes
from adapters_store.records import LoraConfig
from server.engine.model.adapter_rows import AdapterRows
from server.engine.model.fused_llama import FusedLlama, projection_shapes
from server.engine.model.kernels import Kernels
from server.engine.model.runner import Chunk, PackedAdapter, SavedPrefix
from server.engine.model.torch_kernels import TorchKernels


class FusedRunner:
    """One forward pass for everything in a step."""

    def __init__(
        self, model: PreTrainedModel, lora: LoraConfig, rows: int, context_length: int
    ) -> None:
        shapes = projection_shapes(model, list(linear_shapes(model, lora.targets)))
        kernels = _kernels_for(model.device)
        self._adapters = AdapterRows(shapes, lora, rows, model.device, kernels)
        self._model = FusedLlama(model, self._adapters, kernels, rows, context_length)
        self._warm_up()

    def pack(self, tensors: Mapping[str, Tensor]) -> PackedAdapter:
        """See `Runner.pack`."""
        return self._adapters.pack(tensors)

    @torch.inference_mode()
    def bind(self, row: int, adapter: PackedAdapter | None) -> None:
        """See `Runner.bind`."""
        self._adapters.bind(row, adapter)

    @torch.inference_mode()
    def run(self, tokens: Sequence[int], lengths: Sequence[int], chunks: Sequence[Chunk]) -> Tensor:
        """See `Runner.run`."""
        return self._model.forward(tokens, lengths, chunks)

    @torch.inference_mode()
    def save(self, row: int, length: int) -> SavedPrefix:
        """See `Runner.save`."""
        return self._model.cache.save(row, length)

    @torch.inference_mode()
    def restore(self, row: int, saved: SavedPrefix, length: int) -> None:
        """See `Runner.restore`."""
        self._model.cache.restore(row, saved, length)

    @torch.inference_mode()
    def move_row(self, source: int, target: int, length: int) -> None:
        """See `Runner.move_row`."""
        self._model.cache.move(source, target, length)

    def release(self) -> None:
        """See `Runner.release`."""
        self._model.cache.release()

    def _warm_up(self) -> None:
        """Compile what is compiled at first use: later somebody would wait for it."""
        self.bind(0, self._adapters.blank())
        self.run([0], [0], [])
        self.bind(0, None)
        self.release()


def _kernels_for(device: torch.device) -> Kernels:
    """Compiled loops on a CPU, PyTorch's own operations elsewhere."""
    if device.type == "cpu":
        # Numba takes a second to import, and is of no use elsewhere.
        from server.engine.model.cpu_kernels import CpuKernels

        return CpuKernels()
    return TorchKernels()
