"""Loading the language model out of one that also reads images."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForImageTextToText, Gemma3Config

from adapters_store.base_model import BaseModel, load_base_model

IDS = torch.arange(5, 45)[None]


@pytest.fixture(scope="module")
def multimodal() -> Any:
    config = Gemma3Config(
        text_config={
            "vocab_size": 260,
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 32,
            "max_position_embeddings": 128,
            "sliding_window": 16,
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        mm_tokens_per_image=4,
    )
    torch.manual_seed(0)
    model: Any = AutoModelForImageTextToText.from_config(config)
    model.requires_grad_(False)
    return model.eval()


@pytest.fixture
def folder(multimodal: Any, tiny_base: BaseModel, tmp_path: Path) -> Path:
    multimodal.save_pretrained(tmp_path)
    tiny_base.renderer.tokenizer.save_pretrained(tmp_path)
    return tmp_path


def load(folder: Path, *, is_packed: bool) -> BaseModel:
    return load_base_model(
        folder,
        name="tiny",
        revision="r0",
        device=torch.device("cpu"),
        dtype=torch.float32,
        precision="float32" if is_packed else None,
        packed=folder / "packed.bin" if is_packed else None,
    )


@pytest.mark.parametrize("is_packed", [False, True])
def test_the_language_model_alone_gives_the_logits_of_the_whole(
    multimodal: Any, folder: Path, is_packed: bool
) -> None:
    base = load(folder, is_packed=is_packed)
    logits: Tensor = base.model(IDS).logits
    torch.testing.assert_close(logits, multimodal(IDS).logits)
    assert not [name for name, _ in base.model.named_modules() if "vision" in name]
    assert base.model.config.vocab_size == 260
    assert (folder / "packed.bin").exists() == is_packed


def test_missing_weights_are_not_made_up(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    lost = next(name for name in weights if name.endswith("layers.1.mlp.up_proj.weight"))
    save_file({k: v for k, v in weights.items() if k != lost}, path, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks weights .*layers\.1\.mlp\.up_proj\.weight"):
        load(folder, is_packed=False)
