"""Weights in oneDNN's own layout for CPUs; plain weights would be converted at every product."""

import torch
from torch import Tensor

# The layout is made for this many tokens; longer products use the same one.
PACKED_FOR_TOKENS = 16


def pack(weight: Tensor) -> Tensor | None:
    """A frozen [out, in] weight for `packed_product`; None if a plain product is as quick."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return None
    mkldnn = torch.ops.mkldnn
    is_native = {torch.float32: True, torch.bfloat16: mkldnn._is_mkldnn_bf16_supported()}
    if not is_native.get(weight.dtype, False):
        return None
    packed: Tensor = mkldnn._reorder_linear_weight(weight, PACKED_FOR_TOKENS)
    return packed


def packed_product(
    x: Tensor, packed: Tensor, bias: Tensor | None, added: Tensor | None = None
) -> Tensor:
    """x W' + bias, plus `added` if given: [..., in] to [..., out]."""
    product = torch.ops.mkldnn._linear_pointwise
    if added is None:
        y: Tensor = product(x, packed, bias, "none", [], "")
    else:
        y = product.binary(x, added, packed, bias, "add")
    return y
