"""Weights in the layout in which oneDNN multiplies on a CPU; plain ones are converted each time."""

import torch
from torch import Tensor

# Weights are packed for so many tokens; longer products take the same layout.
PACKED_FOR_TOKENS = 16


def pack(weight: Tensor) -> Tensor | None:
    """A frozen [out, in] weight for `packed_product`; None where a plain product is as quick."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return None
    mkldnn = torch.ops.mkldnn
    is_native = {
        torch.float32: True,
        torch.bfloat16: mkldnn._is_mkldnn_bf16_supported(),
    }
    if not is_native.get(weight.dtype, False):
        return None
    packed: Tensor = mkldnn._reorder_linear_weight(weight, PACKED_FOR_TOKENS)
    return packed


def packed_product(
    x: Tensor, packed: Tensor, bias: Tensor | None, added: Tensor | None = None
) -> Tensor:
    """x W' + bias, plus `added` where given: [..., in] to [..., out]."""
    product = torch.ops.mkldnn._linear_pointwise
    if added is None:
        y: Tensor = product(x, packed, bias, "none", [], "")
    else:
        y = product.binary(x, added, packed, bias, "add")
    return y
