"""What a Llama-like model computes, read from its configuration: shapes and the few variations."""

from dataclasses import dataclass
from typing import Any

MODEL_TYPES = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3", "granite"})
STATIC_ROPE = frozenset({"default", "linear", "llama3"})


@dataclass(frozen=True, slots=True)
class LlamaFamily:
    """A pre-norm decoder with rotary embedding, grouped queries and a gated SiLU.

    `rotates` says for each layer whether queries and keys are rotated. With `has_qk_norm` each head
    of them is RMS-normed before. Scores are multiplied by `attention_scale`, embeddings by
    `embedding_multiplier`, what a block adds by `residual_multiplier`; logits are divided by
    `logits_scaling`.
    """

    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden_size: int
    intermediate_size: int
    vocab_size: int
    epsilon: float
    rotates: tuple[bool, ...]
    has_qk_norm: bool
    attention_scale: float
    embedding_multiplier: float
    residual_multiplier: float
    logits_scaling: float


def family_of(config: Any) -> LlamaFamily | None:
    """The description of a transformers configuration; None if it is no such model."""
    if config.model_type not in MODEL_TYPES or config.hidden_act != "silu":
        return None
    if _uses_window(config) or not _is_static(getattr(config, "rope_parameters", None) or {}):
        return None
    heads = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    layers = config.num_hidden_layers
    rotates = getattr(config, "no_rope_layers", None) or [True] * layers
    return LlamaFamily(
        layers=layers,
        heads=heads,
        kv_heads=config.num_key_value_heads or heads,
        head_dim=head_dim,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        vocab_size=config.vocab_size,
        epsilon=config.rms_norm_eps,
        # transformers calls the list `no_rope_layers`, but 1 means rotary.
        rotates=tuple(bool(each) for each in rotates[:layers]),
        has_qk_norm=config.model_type == "qwen3",
        attention_scale=float(getattr(config, "attention_multiplier", head_dim**-0.5)),
        embedding_multiplier=float(getattr(config, "embedding_multiplier", 1.0)),
        residual_multiplier=float(getattr(config, "residual_multiplier", 1.0)),
        logits_scaling=float(getattr(config, "logits_scaling", 1.0)),
    )


def _uses_window(config: Any) -> bool:
    """Whether some layer may not see a whole context; many configurations name a window in vain."""
    window = getattr(config, "sliding_window", None)
    is_used = getattr(config, "use_sliding_window", True)
    return bool(window and is_used and window < config.max_position_embeddings)


def _is_static(rope: Any) -> bool:
    """Whether a position's angles are the same in every sequence, and turn whole heads."""
    return (
        rope.get("rope_type", "default") in STATIC_ROPE
        and rope.get("partial_rotary_factor", 1.0) == 1.0
    )
