"""The base's frozen linears, packed once for the forward and the backward pass on a CPU."""

from typing import Any

import torch
from torch import Tensor, nn

from adapters_store.lora import AdapterPool
from adapters_store.packed import pack, packed_product


class PackedLinear(nn.Module):
    """A frozen `nn.Linear` that holds only packed weights."""

    def __init__(self, bias: Tensor | None, packed: Tensor, transposed: Tensor) -> None:
        super().__init__()
        self._bias, self._packed, self._transposed = bias, packed, transposed

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _PackedProduct.apply(  # type: ignore[no-untyped-call]
            x, self._packed, self._transposed, self._bias
        )
        return y


class _PackedProduct(torch.autograd.Function):
    """x W' + b, with a gradient for x only."""

    @staticmethod
    def forward(
        context: Any, x: Tensor, packed: Tensor, transposed: Tensor, bias: Tensor | None
    ) -> Tensor:
        context.transposed = transposed
        return packed_product(x, packed, bias)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return packed_product(gradient.contiguous(), context.transposed, None), None, None, None


def pack_linears(model: nn.Module, pool: AdapterPool) -> None:
    """Pack the adapted linears and the head, on CPUs and in dtypes that support it."""
    for layer in pool.layers.values():
        layer.base = _packed(layer.base)
    head = getattr(model, "get_output_embeddings", lambda: None)()
    places = [(module, name) for module in model.modules() for name in module._modules]
    for module, name in places:
        if getattr(module, name) is head:
            setattr(module, name, _packed(head))


def _packed(linear: nn.Module) -> nn.Module:
    if not isinstance(linear, nn.Linear):
        return linear
    weight, bias = linear.weight.detach(), linear.bias
    packed, transposed = pack(weight), pack(weight.T.contiguous())
    if packed is None or transposed is None:
        return linear
    return PackedLinear(None if bias is None else bias.detach(), packed, transposed)
