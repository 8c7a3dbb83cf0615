"""Reads a PEFT folder for upload. Only the server judges what is in it."""

import base64
from pathlib import Path


def read_peft_folder(folder: Path) -> tuple[bytes, dict[str, str]]:
    """The weights, and the header that carries their configuration.

    Raises `ValueError` where the folder lacks one of them.
    """
    config, weights = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    for path in (config, weights):
        if not path.is_file():
            raise ValueError(f"{folder} is no PEFT folder: it has no {path.name}")
    encoded = base64.b64encode(config.read_bytes()).decode("ascii")
    return weights.read_bytes(), {"x-loralei-adapter-config": encoded}
