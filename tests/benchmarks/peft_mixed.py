"""PEFT's own way to serve several adapters in one batch, for comparison."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from adapters_store.base_model import BaseModel
from adapters_store.peft_config import write_peft_config
from adapters_store.records import LoraConfig

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@torch.inference_mode()
def peft_tokens_per_second(
    base: BaseModel, lora: LoraConfig, folders: Sequence[Path], question: str, new_tokens: int
) -> float:
    """The speed of one greedy `generate` with a different adapter for every row."""
    for folder in folders:
        write_peft_config(
            folder,
            lora=lora,
            base_model=base.name,
            base_revision=base.revision,
            targets=lora.targets or TARGETS,
        )
    names = [f"adapter-{i}" for i in range(len(folders))]
    model: Any = PeftModel.from_pretrained(base.model, str(folders[0]), adapter_name=names[0])
    for name, folder in zip(names[1:], folders[1:], strict=True):
        model.load_adapter(str(folder), adapter_name=name)
    ids = torch.tensor([base.renderer.text_ids(question)] * len(names), device=base.device)
    began = time.perf_counter()
    model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        adapter_names=names,
        do_sample=False,
        min_new_tokens=new_tokens,
        max_new_tokens=new_tokens,
    )
    return len(names) * new_tokens / (time.perf_counter() - began)
