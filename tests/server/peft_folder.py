"""Random adapters that fit the running server's base model, as a client would upload them."""

import base64
import json
from typing import Any

import torch
from safetensors.torch import save

from tests.server.live import LiveServer, Person


def random_weights(live: LiveServer, seed: int, scale: float = 0.5) -> bytes:
    """The bytes of an `adapter_model.safetensors` that changes every reply."""
    runtime = live.services.runtime
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for path, (outputs, inputs) in runtime.engine.shapes.items():
        name = f"base_model.model.{path}"
        rank = runtime.lora.rank
        tensors[f"{name}.lora_A.weight"] = scale * torch.randn(rank, inputs, generator=generator)
        tensors[f"{name}.lora_B.weight"] = scale * torch.randn(outputs, rank, generator=generator)
    return save(tensors)


def config(live: LiveServer, **changes: Any) -> dict[str, str]:
    """The header that carries `adapter_config.json`."""
    runtime = live.services.runtime
    values = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": runtime.model.name,
        "revision": runtime.model.revision,
        "r": runtime.lora.rank,
        "lora_alpha": runtime.lora.alpha,
        "target_modules": sorted({path.rpartition(".")[2] for path in runtime.engine.shapes}),
        "bias": "none",
    }
    text = json.dumps(values | changes).encode()
    return {"x-loralei-adapter-config": base64.b64encode(text).decode()}


def import_version(live: LiveServer, person: Person, seed: int = 0) -> dict[str, Any]:
    """Give somebody a new version; it is not in use."""
    with live.admin() as admin:
        response = admin.post(
            f"/v1/admin/adapters/{person.id}/versions",
            content=random_weights(live, seed),
            headers=config(live),
        )
    assert response.status_code == 201, response.text
    version: dict[str, Any] = response.json()
    return version
