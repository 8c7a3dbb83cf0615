"""Random adapters that fit the running server's base model, as a client would upload them."""

import base64
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safetensors.torch import save

from feedback.examples.build import build_examples
from tests.adapters import random_adapter
from tests.server.live import LiveServer, Person


def random_weights(live: LiveServer, seed: int, scale: float = 0.5) -> bytes:
    """The bytes of an `adapter_model.safetensors` that changes every reply."""
    runtime = live.services.runtime
    return save(random_adapter(runtime.engine.shapes, seed, scale, runtime.lora.rank))


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


PROVEN = {"evaluation": {"compliance": 12, "compliance_with_few_shot": 12}}


def put_version_to_use(
    live: LiveServer, person: Person, report: Mapping[str, Any] | None = None
) -> int:
    """Put a version in use that was trained on all examples so far; return their number.

    Without a `report`, it was proven to need no memory.
    """
    import_version(live, person)
    stores = live.services.stores
    examples = build_examples(*stores.log.turns_with_feedback(person.id))
    example_ids = tuple(each.id for each in examples)
    imported = stores.registry.version(person.id, 1)
    staged = stores.files.stage()
    shutil.copytree(stores.files.open(imported), staged, dirs_exist_ok=True)
    published = stores.files.publish(staged, user_id=person.id)
    version = replace(imported, number=2, folder=published.folder, example_ids=example_ids)
    stores.registry.register(replace(version, report=report or PROVEN))
    with live.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}/promote"
        admin.post(path, json={"version": 2}).raise_for_status()
    return len(example_ids)
