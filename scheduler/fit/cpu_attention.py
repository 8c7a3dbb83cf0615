"""Attention with a fast backward pass on a CPU, for short sequences.

The CPU's fused attention saves memory, but its backward pass takes two to three times as long.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, eager_mask

NAME = "grouped_products"
# Plain products store every score for the backward pass: quadratic in the length.
LONGEST = 512


def use_grouped_attention(model: PreTrainedModel) -> None:
    """Replace torch's fused attention by `grouped_attention`, if the model is on the CPU."""
    if model.device.type != "cpu" or model.config._attn_implementation != "sdpa":
        return
    AttentionInterface.register(NAME, grouped_attention)
    AttentionMaskInterface.register(NAME, eager_mask)
    model.set_attn_implementation(NAME)


def grouped_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    **options: Any,
) -> tuple[Tensor, None]:
    """Scaled dot-product attention with the query heads of one key head in one product.

    `query` is [rows, heads, tokens, dim]; `key` and `value` are [rows, key heads, past, dim];
    the additive mask is [rows, 1, tokens, past]. Returns [rows, tokens, heads, dim].
    """
    rows, heads, tokens, dim = query.shape
    key_heads, past = key.shape[1:3]
    unusual = options.get("dropout") or options.get("position_bias") is not None
    if attention_mask is None or tokens > LONGEST or unusual:
        result: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
        return result
    grouped = (query * scaling).reshape(rows * key_heads, -1, dim)
    keys, values = (x.reshape(rows * key_heads, past, dim) for x in (key, value))
    scores = torch.bmm(grouped, keys.transpose(1, 2)).view(rows, key_heads, -1, tokens, past)
    shares = (scores.float() + attention_mask[:, :, None]).softmax(dim=-1).to(value.dtype)
    mixed = torch.bmm(shares.view(rows * key_heads, -1, past), values)
    return mixed.view(rows, heads, tokens, dim).transpose(1, 2), None
