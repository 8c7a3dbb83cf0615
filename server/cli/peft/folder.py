"""Reads a PEFT folder for upload. The server checks its content."""

import base64
from pathlib import Path

PICKLED = "adapter_model.bin"


def read_peft_folder(folder: Path) -> tuple[bytes, dict[str, str]]:
    """The weights, and the header with their configuration. Raises `ValueError` without either."""
    config, weights = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    for path in (config, weights):
        if not path.is_file():
            pickled = f", only {PICKLED}, which can run code: save it as safetensors"
            hint = pickled if path is weights and (folder / PICKLED).is_file() else ""
            raise ValueError(f"{folder} is not a PEFT folder: it has no {path.name}{hint}")
    encoded = base64.b64encode(config.read_bytes()).decode("ascii")
    return weights.read_bytes(), {"x-loralei-adapter-config": encoded}
