"""A base's linears and embedding over packed weights, with gradients for their inputs only."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from adapters_store.weights.packed_weight import PackedWeight, pack
from adapters_store.weights.tiles import BLOCK

_UNPACKED_BYTES = 1 << 24
"""On a CPU this much of a weight is unpacked at once: it adds little to a process, and much of it
is still in the cache when it is multiplied."""
_UNPACKED_BLOCKS = 512
"""On a GPU these blocks are: few kernels, and a head's copy stays small."""


class FrozenLinear(nn.Module):
    """x W' + bias with a packed weight: [..., in] to [..., out], in the dtype of `x`."""

    def __init__(self, weight: PackedWeight, bias: Tensor | None) -> None:
        super().__init__()
        self.packed = weight
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.in_features, self.out_features = weight.in_features, weight.out_features

    @property
    def device(self) -> torch.device:
        """Where the weight is."""
        return self.packed.values.device

    def _apply(self, function: Any, recurse: bool = True) -> Any:
        self.packed = self.packed.moved(function)
        return super()._apply(function, recurse)  # type: ignore[no-untyped-call]

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _FrozenProduct.apply(x, self.packed)  # type: ignore[no-untyped-call]
        return y if self.bias is None else y + self.bias.to(y.dtype)


class FrozenEmbedding(nn.Module):
    """Rows of a packed weight: ids [...] to [..., dimensions] in `dtype`."""

    def __init__(self, weight: PackedWeight, dtype: torch.dtype) -> None:
        super().__init__()
        self.packed = weight
        self.num_embeddings, self.embedding_dim = weight.out_features, weight.in_features
        self._dtype = dtype

    def _apply(self, function: Any, recurse: bool = True) -> Any:
        self.packed = self.packed.moved(function)
        return super()._apply(function, recurse)  # type: ignore[no-untyped-call]

    def forward(self, ids: Tensor) -> Tensor:
        rows = self.packed.rows(ids.flatten()).to(self._dtype)
        return rows.view(*ids.shape, self.embedding_dim)


class _FrozenProduct(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weight: PackedWeight) -> Tensor:
        context.weight = weight
        rows = x.reshape(-1, x.shape[-1])
        if x.device.type == "cpu" and not _multiplies_natively(x.dtype):
            # Imported here: Numba takes a second to import, and a GPU does not need it.
            from adapters_store.weights.product import product

            y = product(rows.float(), weight).to(x.dtype)
        else:
            y = rows.new_empty(len(rows), weight.out_features)
            for outputs, part in _parts(weight, x.dtype):
                torch.mm(rows, part.T, out=y[:, outputs])
        return y.view(*x.shape[:-1], weight.out_features)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        rows = gradient.reshape(-1, gradient.shape[-1])
        if rows.device.type == "cpu" and not _multiplies_natively(rows.dtype):
            rows = rows.float()
        total = rows.new_zeros(len(rows), context.weight.in_features)
        for outputs, part in _parts(context.weight, rows.dtype):
            total.addmm_(rows[:, outputs], part)
        return total.to(gradient.dtype).view(*gradient.shape[:-1], -1), None


def freeze_linears(model: nn.Module, precision: Any) -> None:
    """Pack every linear and the plain embedding of a loaded model in place."""
    packed: dict[int, PackedWeight] = {}
    for path, module in places_to_freeze(model):
        weight = module.weight.detach()
        if weight.data_ptr() not in packed:
            packed[weight.data_ptr()] = pack(weight, precision)
        replace_module(model, path, frozen(module, packed[weight.data_ptr()]))


def packed_weights(model: nn.Module) -> list[PackedWeight]:
    """The packed weights of a model's frozen modules; a tied one is there twice."""
    kinds = FrozenLinear, FrozenEmbedding
    return [module.packed for module in model.modules() if isinstance(module, kinds)]


def places_to_freeze(model: nn.Module) -> list[tuple[str, Any]]:
    """The linears and the embedding, by path.

    A subclass of `nn.Embedding` computes something else and stays, with the head if they are tied.
    """
    embedding: Any = getattr(model, "get_input_embeddings", lambda: None)()
    head: Any = getattr(model, "get_output_embeddings", lambda: None)()
    is_plain = type(embedding) is nn.Embedding
    is_tied = embedding is not None and head is not None and head.weight is embedding.weight
    return [
        (path, module)
        for path, module in model.named_modules()
        if (type(module) is nn.Linear and (is_plain or not is_tied or module is not head))
        or (is_plain and module is embedding)
    ]


def frozen(module: Any, weight: PackedWeight) -> nn.Module:
    """The frozen form of a linear or an embedding."""
    if isinstance(module, nn.Embedding):
        return FrozenEmbedding(weight, module.weight.dtype)
    return FrozenLinear(weight, module.bias)


def replace_module(model: nn.Module, path: str, module: nn.Module) -> None:
    """Put a module in the place of another."""
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, module)


def _multiplies_natively(dtype: torch.dtype) -> bool:
    """Whether torch multiplies this dtype faster than the packed product does."""
    return dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _parts(weight: PackedWeight, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """The weight [outputs, in], some outputs at a time, and which these are."""
    is_on_cpu = weight.values.device.type == "cpu"
    most = _UNPACKED_BLOCKS
    if is_on_cpu:
        # Imported here: Numba takes a second to import, and a GPU does not need it.
        from adapters_store.weights.unpacking import unpacked

        most = max(1, _UNPACKED_BYTES // (weight.padded_inputs * BLOCK * 4))
    for start in range(0, len(weight.values), most):
        end = start + most
        part = unpacked(weight, start, end) if is_on_cpu else weight.unpack(start, end)
        yield slice(start * BLOCK, start * BLOCK + len(part)), part.to(dtype)
