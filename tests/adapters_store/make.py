"""Builders of adapter records, folders and safetensors files."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from adapters_store.files import WEIGHTS_FILE
from adapters_store.peft_config import write_peft_config
from adapters_store.records import AdapterVersion, LoraConfig

LORA = LoraConfig(rank=2, alpha=4.0)
SHAPES = {"model.layers.0.q_proj": (6, 4), "model.layers.0.down_proj": (4, 8)}
BASE_MODEL = "tiny"
BASE_REVISION = "a" * 64


def make_version(user_id: str = "ann", number: int = 1, **changes: Any) -> AdapterVersion:
    """A plausible version; its folder name is unique per user and number."""
    version = AdapterVersion(
        user_id=user_id,
        number=number,
        parent=None,
        folder=f"{user_id.encode().hex()}{number:04d}".rjust(32, "0"),
        checksum="c" * 64,
        size_bytes=1234,
        base_model=BASE_MODEL,
        base_revision=BASE_REVISION,
        lora=LoraConfig(targets=("q_proj", "v_proj")),
        created_at=1000.5,
        created_by="scheduler",
        run_id="run-1",
        dataset_hash="d" * 64,
        seed=7,
        example_ids=("e1", "e2"),
        report={"verdict": {"outcome": "significant", "reasons": ["it is better"]}},
    )
    return replace(version, **changes)


def make_tensors(dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """Random tensors of an adapter for `SHAPES`."""
    tensors = {}
    for path, (out_features, in_features) in SHAPES.items():
        name = f"base_model.model.{path}"
        tensors[f"{name}.lora_A.weight"] = torch.randn(LORA.rank, in_features).to(dtype)
        tensors[f"{name}.lora_B.weight"] = torch.randn(out_features, LORA.rank).to(dtype)
    return tensors


def write_adapter(folder: Path, tensors: Mapping[str, torch.Tensor] | None = None) -> Path:
    """Write a sound adapter folder, or one with these tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(make_tensors() if tensors is None else tensors), folder / WEIGHTS_FILE)
    write_peft_config(
        folder,
        lora=LORA,
        base_model=BASE_MODEL,
        base_revision=BASE_REVISION,
        targets=["q_proj", "down_proj"],
    )
    return folder


def edit_config(folder: Path, **changes: Any) -> None:
    """Change settings of the folder's `adapter_config.json`."""
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
