"""The GGUF file has llama.cpp's names, and the values that PEFT reads from the folder."""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    Olmo2Config,
    Phi3Config,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

from adapters_store.errors import AdapterInvalidError
from adapters_store.exchange.gguf_export import read_gguf_target, write_gguf_adapter
from adapters_store.files import WEIGHTS_FILE
from adapters_store.lora import linear_shapes
from adapters_store.peft_config import write_peft_config
from adapters_store.records import LoraConfig
from tests.adapters import random_adapter

LORA = LoraConfig(rank=4, alpha=6.0)
SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 40,
    "pad_token_id": 0,
}
# llama.cpp's architecture, and whether it rotates neighbouring rows.
FAMILIES: list[tuple[type[PreTrainedConfig], str, bool]] = [
    (LlamaConfig, "llama", True),
    (MistralConfig, "llama", True),
    (SmolLM3Config, "smollm3", True),
    (GraniteConfig, "granite", True),
    (Qwen2Config, "qwen2", False),
    (Qwen3Config, "qwen3", False),
    (Gemma3TextConfig, "gemma3", False),
    (Phi3Config, "phi3", False),
    (Olmo2Config, "olmo2", False),
]


def build(config: PreTrainedConfig) -> PreTrainedModel:
    models: Any = AutoModelForCausalLM
    model: PreTrainedModel = models.from_config(config)
    return model


def value(reader: gguf.GGUFReader, name: str) -> Any:
    field = reader.get_field(name)
    assert field is not None
    return field.contents()


def export(config: PreTrainedConfig, folder: Path) -> tuple[PreTrainedModel, gguf.GGUFReader]:
    """A random adapter of a random model, as PEFT loads it and as a GGUF file."""
    model = build(config)
    shapes = linear_shapes(model, ())
    save_file(random_adapter(shapes, seed=2), folder / WEIGHTS_FILE)
    targets = sorted({path.rpartition(".")[2] for path in shapes})
    write_peft_config(folder, lora=LORA, base_model="tiny", base_revision="r", targets=targets)
    config.to_json_file(folder / "config.json")
    target = read_gguf_target(folder)
    write_gguf_adapter(folder, folder / "adapter.gguf", lora=LORA, target=target)
    loaded: Any = PeftModel.from_pretrained(model, str(folder))
    return loaded, gguf.GGUFReader(folder / "adapter.gguf")


def product(reader: gguf.GGUFReader, name: str) -> np.ndarray:
    """What llama.cpp adds to a weight: alpha / rank · B · A."""
    a, b = (
        next(each for each in reader.tensors if each.name == f"{name}.weight.{matrix}").data
        for matrix in ("lora_a", "lora_b")
    )
    alpha = value(reader, "adapter.lora.alpha")
    added: np.ndarray = b @ a * (alpha / a.shape[0])
    return added


def rotating_neighbours(weight: np.ndarray, heads: int) -> np.ndarray:
    """The rows of each head so that those of its first and second half take turns."""
    size = weight.shape[0] // heads
    order = [
        head * size + half * (size // 2) + row
        for head in range(heads)
        for row in range(size // 2)
        for half in (0, 1)
    ]
    return weight[order]


@pytest.mark.parametrize(
    ("family", "architecture", "is_reordered"),
    FAMILIES,
    ids=[family.__name__ for family, _, _ in FAMILIES],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_is_added_to_each_weight_is_what_peft_adds(
    tmp_path: Path, family: type[PreTrainedConfig], architecture: str, is_reordered: bool
) -> None:
    model, reader = export(family(**SIZES), tmp_path)
    assert value(reader, "general.architecture") == architecture
    names = gguf.get_tensor_name_map(
        next(arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture), 2
    )
    adapted = [(n, m) for n, m in model.named_modules() if hasattr(m, "get_delta_weight")]
    assert len(reader.tensors) == 2 * len(adapted) > 0
    for path, module in adapted:
        expected = module.get_delta_weight("default").detach().numpy()
        if is_reordered and path.endswith("q_proj"):
            expected = rotating_neighbours(expected, heads=4)
        if is_reordered and path.endswith("k_proj"):
            expected = rotating_neighbours(expected, heads=2)
        name = names.get_name(path.removeprefix("base_model.model.")) or ""
        np.testing.assert_allclose(product(reader, name), expected, rtol=1e-5, atol=1e-6)


def test_the_file_says_that_it_is_a_lora_adapter(tmp_path: Path) -> None:
    _, reader = export(LlamaConfig(**SIZES), tmp_path)
    found = {
        name: value(reader, name) for name in ("general.type", "adapter.type", "adapter.lora.alpha")
    }
    assert found == {
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": LORA.alpha,
    }
    tensors = {each.name: list(each.shape) for each in reader.tensors}
    assert tensors["blk.1.ffn_down.weight.lora_a"] == [48, 4]
    assert tensors["blk.1.ffn_down.weight.lora_b"] == [4, 32]


def test_bfloat16_weights_keep_their_values(tmp_path: Path) -> None:
    export(LlamaConfig(**SIZES), tmp_path)
    before = gguf.GGUFReader(tmp_path / "adapter.gguf").tensors[0].data.copy()
    tensors = random_adapter(linear_shapes(build(LlamaConfig(**SIZES)), ()), 2)
    save_file({n: t.to(torch.bfloat16) for n, t in tensors.items()}, tmp_path / WEIGHTS_FILE)
    write_gguf_adapter(
        tmp_path, tmp_path / "again.gguf", lora=LORA, target=read_gguf_target(tmp_path)
    )
    np.testing.assert_array_equal(gguf.GGUFReader(tmp_path / "again.gguf").tensors[0].data, before)


def test_of_a_model_that_reads_images_the_language_model_counts(tmp_path: Path) -> None:
    text = Gemma3TextConfig(**SIZES).to_dict()
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": text}))
    assert read_gguf_target(tmp_path).model_type == "gemma3_text"


def test_an_architecture_without_a_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mamba"}))
    with pytest.raises(AdapterInvalidError, match=r"'mamba' model cannot .*PEFT folder"):
        read_gguf_target(tmp_path)


def test_a_linear_that_llama_cpp_does_not_know_is_refused(tmp_path: Path) -> None:
    export(LlamaConfig(**SIZES), tmp_path)
    tensors = random_adapter({"model.layers.0.self_attn.odd_proj": (8, 8)}, seed=1)
    save_file(tensors, tmp_path / WEIGHTS_FILE)
    with pytest.raises(AdapterInvalidError, match="no name for model.layers.0.self_attn.odd_proj"):
        write_gguf_adapter(
            tmp_path, tmp_path / "x.gguf", lora=LORA, target=read_gguf_target(tmp_path)
        )
