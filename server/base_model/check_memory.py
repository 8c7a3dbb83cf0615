"""Compares the memory plan of a base model with the memory that is free, before it is loaded."""

import json
import logging
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from adapters_store.base_model import cached_numbers
from adapters_store.models.resolve import ResolvedModel
from server.base_model.machine_memory import available_memory
from server.base_model.memory_plan import bytes_of, plan_memory, refusal, warning
from server.settings import Settings

log = logging.getLogger(__name__)


def check_memory(
    settings: Settings, model: ResolvedModel, device: torch.device, precision: str
) -> None:
    """Raise `ValueError` if the model cannot be loaded; log what may not fit later."""
    config = AutoConfig.from_pretrained(model.path, trust_remote_code=False)
    plan = plan_memory(
        parameters=count_parameters(model.path),
        weight_bytes=bytes_of(precision),
        token_bytes=cached_numbers(config) * 4,
        max_batch_size=settings.max_batch_size,
        cache_bytes=(settings.prefix_cache_mb + settings.adapter_cache_mb) << 20,
    )
    on_gpu = device.type == "cuda"
    available = torch.cuda.mem_get_info(device)[0] if on_gpu else available_memory()
    if said := refusal(plan, available, model.name, is_int8=precision == "int8"):
        raise ValueError(said)
    if said := warning(plan, available, model.name):
        log.warning("%s", said)


def count_parameters(folder: Path) -> int:
    """Parameters of a folder's safetensors files, read from their headers."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header: dict[str, Any] = json.loads(file.read(length))
        shapes = [entry["shape"] for name, entry in header.items() if name != "__metadata__"]
        total += sum(torch.Size(shape).numel() for shape in shapes)
    return total
