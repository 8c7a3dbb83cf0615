"""Tiny random models of each family, and the runners that can serve them."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    Olmo2Config,
    Phi3Config,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

from adapters_store.base_model import BaseModel, load_base_model
from adapters_store.records import LoraConfig
from server.engine.model.compiled_llama import CompiledLlama
from server.engine.model.family import family_of
from server.engine.model.fused_llama import FusedLlama
from server.engine.model.general_runner import GeneralRunner
from server.engine.model.runner import Runner

ROWS = 4
WINDOW = 16
CONTEXT = 128
LORA = LoraConfig(rank=4, alpha=8.0)
_SHAPE: Mapping[str, Any] = {
    "vocab_size": 260,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
_LONGROPE = {
    "type": "longrope",
    "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5],
    "long_factor": [2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
}
_LOCAL_AND_GLOBAL = ["sliding_attention", "full_attention", "sliding_attention"]

FAMILIES: Mapping[str, Callable[[], Any]] = {
    "llama": lambda: LlamaConfig(
        **_SHAPE, rope_parameters={**_LLAMA3, "rope_theta": 5e5}, tie_word_embeddings=True
    ),
    "mistral": lambda: MistralConfig(**_SHAPE, head_dim=16, sliding_window=None),
    "mistral_window": lambda: MistralConfig(**_SHAPE, head_dim=16, sliding_window=WINDOW),
    "qwen2": lambda: Qwen2Config(**_SHAPE, tie_word_embeddings=True),
    "qwen2_window": lambda: Qwen2Config(
        **_SHAPE, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1
    ),
    "qwen3": lambda: Qwen3Config(**_SHAPE, head_dim=32, tie_word_embeddings=True),
    "smollm3": lambda: SmolLM3Config(**_SHAPE, no_rope_layer_interval=2),
    "granite": lambda: GraniteConfig(
        **_SHAPE,
        tie_word_embeddings=True,
        attention_multiplier=0.4,
        embedding_multiplier=6.0,
        residual_multiplier=0.3,
        logits_scaling=3.0,
    ),
    "gemma3": lambda: Gemma3TextConfig(
        **_SHAPE,
        head_dim=32,
        query_pre_attn_scalar=24,
        sliding_window=WINDOW,
        layer_types=_LOCAL_AND_GLOBAL,
    ),
    "phi3": lambda: Phi3Config(**_SHAPE, sliding_window=WINDOW),
    "phi4": lambda: Phi3Config(
        **_SHAPE,
        original_max_position_embeddings=CONTEXT // 2,
        rope_parameters={**_LONGROPE, "rope_theta": 1e4, "partial_rotary_factor": 0.75},
    ),
    "olmo2": lambda: Olmo2Config(**_SHAPE),
}


@dataclass(frozen=True, slots=True)
class RunnerKind:
    """A way to run models: how they are loaded, which it can run, and how it is made.

    Packed weights stay float32, so that results can be compared closely.
    """

    is_packed: bool
    can_run: Callable[[Any], bool]
    make: Callable[[BaseModel], Runner]


def _is_like_llama(config: Any) -> bool:
    return family_of(config) is not None


def _compiled(base: BaseModel) -> Runner:
    family = family_of(base.model.config)
    assert family is not None
    return CompiledLlama(base.model, family, LORA, ROWS, base.context_length)


def _general(base: BaseModel) -> Runner:
    return GeneralRunner(base, LORA, ROWS)


RUNNERS: Mapping[str, RunnerKind] = {
    "fused": RunnerKind(
        is_packed=False,
        can_run=_is_like_llama,
        make=lambda base: FusedLlama(base.model, LORA, ROWS, base.context_length),
    ),
    "compiled": RunnerKind(is_packed=True, can_run=_is_like_llama, make=_compiled),
    "general": RunnerKind(is_packed=False, can_run=lambda config: True, make=_general),
    "general_packed": RunnerKind(
        is_packed=True, can_run=lambda config: not _is_like_llama(config), make=_general
    ),
}


def runners_of(family: str) -> list[str]:
    """The names of the runners that can run a model of this family."""
    config = FAMILIES[family]()
    return [name for name, kind in RUNNERS.items() if kind.can_run(config)]


def load_family(family: str, folder: Path, tokenizer: Any, *, is_packed: bool) -> BaseModel:
    """Write a family's tiny model to `folder`, and load it as the server does."""
    tiny_model(family).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return load_base_model(
        folder,
        name="tiny",
        revision="r0",
        device=torch.device("cpu"),
        dtype=torch.float32,
        precision="float32" if is_packed else None,
        packed=folder / "packed.bin" if is_packed else None,
    )


def tiny_model(family: str) -> PreTrainedModel:
    """A model of its own: runners and PEFT change what they get."""
    return copy.deepcopy(_model(family))


@cache
def _model(family: str) -> PreTrainedModel:
    torch.manual_seed(0)
    config = FAMILIES[family]()
    model: Any = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.model.layers.parameters():
            # Attention that averages, norms of 1 and biases of 0 would hide faults.
            if parameter.ndim == 2:
                parameter.mul_(6)
            else:
                parameter.add_(0.3 * torch.randn_like(parameter))
    model.requires_grad_(False)
    model.eval()
    result: PreTrainedModel = model
    return result
