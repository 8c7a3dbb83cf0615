"""Which earlier positions each kind of attention layer sees, as transformers' models take it."""

from typing import Any

import torch
from torch import Tensor

FULL, SLIDING = "full_attention", "sliding_attention"


class LayerMasks:
    """Makes the attention masks of one model: one for all layers, or one for each kind of layer.

    The rule is that of transformers' `create_masks_for_generate`, which knows no rows with lengths
    of their own.
    """

    def __init__(self, config: Any) -> None:
        """Raises `ValueError` for layers that keep something other than keys and values."""
        text = config.get_text_config()
        kinds = getattr(text, "layer_types", None)
        self._kinds = set(kinds) if kinds else None
        window = getattr(text, "sliding_window", None)
        self._window = int(window) if window else None
        known = {FULL, SLIDING} if self._window else {FULL}
        unknown = (self._kinds or set()) - known
        if unknown or getattr(text, "attention_chunk_size", None):
            kind = min(unknown, default="chunked_attention")
            raise ValueError(
                f"the model has layers of the kind {kind!r}, and only full and sliding attention"
                " can be served: choose another model"
            )

    def of(self, positions: Tensor, end: int, dtype: torch.dtype) -> Tensor | dict[str, Tensor]:
        """Additive masks [rows, 1, tokens, end] of queries at `positions` [rows, tokens], int64."""
        back = positions[:, None, :, None] - torch.arange(end, device=positions.device)
        causal = _additive(back < 0, dtype)
        if self._window is None:
            return causal if self._kinds is None else dict.fromkeys(self._kinds, causal)
        sliding = _additive((back < 0) | (back >= self._window), dtype)
        if self._kinds is None:
            return sliding
        return {kind: sliding if kind == SLIDING else causal for kind in self._kinds}


def _additive(hidden: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where visible, else -inf: every implementation of attention can add it to its scores."""
    mask = torch.zeros(hidden.shape, dtype=dtype, device=hidden.device)
    return mask.masked_fill_(hidden, float("-inf"))
