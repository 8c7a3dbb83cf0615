"""Adapters as PEFT trains and saves them elsewhere."""

import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig as PeftConfig
from peft import get_peft_model
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from adapters_store.records import LoraConfig

IDS = torch.arange(24).remainder(19).add(3)[None]


def load_base(folder: Path) -> PreTrainedModel:
    """The tiny model in float32, without an adapter."""
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model


def train_elsewhere(
    base: Path, folder: Path, *, dtype: torch.dtype = torch.float32, **settings: Any
) -> Tensor:
    """Save an adapter with random weights as PEFT does; return its logits of `IDS`."""
    torch.manual_seed(5)
    model = get_peft_model(load_base(base), PeftConfig(task_type="CAUSAL_LM", **settings))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_((0.3 * torch.randn(parameter.shape)).to(dtype))
        logits: Tensor = model(IDS).logits
    if dtype is not torch.float32:
        for parameter in (p for name, p in model.named_parameters() if "lora_" in name):
            parameter.data = parameter.data.to(dtype)
    model.save_pretrained(str(folder))
    return logits


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's `adapter_config.json`."""
    config: dict[str, Any] = json.loads((folder / "adapter_config.json").read_text())
    return config


def served_logits(base: BaseModel, lora: LoraConfig, tensors: dict[str, Tensor]) -> Tensor:
    """Logits of `IDS` with an adapter in our own LoRA layer."""
    pool = AdapterPool(base.model, lora, num_slots=2)
    pool.load(1, tensors)
    with torch.no_grad(), pool.use(1):
        logits: Tensor = base.model(IDS).logits
    return logits
