"""Fuzzes the HTTP API of a running server with Schemathesis, and counts its answers.

    python -m tests.api_fuzz.run PATH_OF_SCHEMATHESIS MINUTES [ROLE ...]

The server has a tiny model and runs in a process of its own. The roles share the minutes. The exit
status is 1 if an answer was a 5xx or not as the server's own description has it, and if the time
was too short for a role to ask every operation.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import httpx
from safetensors.torch import save_file

from adapters_store.lora import AdapterPool
from server.data_folder import RunningServer
from tests.adapters import LORA, random_adapter
from tests.conftest import load_tiny
from tests.server.own_process import serving
from tests.tiny_model import build_tiny_model

HERE = Path(__file__).parent
SHARES = {"admin": 4, "user": 2, "frontend": 3, "none": 1}
# Replies end here at the latest, so that none takes long.
CONTEXT_LENGTH = 256
SETTINGS = {
    "LORALEI_SCHEDULE__INTERVAL": "0",
    "LORALEI_SCHEDULE__NIGHTLY": "",
    # Many cases have a wrong key, and all come from one address.
    "LORALEI_MAX_WRONG_KEYS": "1000000",
}


def main(schemathesis: str, minutes: float, *names: str) -> bool:
    """Fuzz the API with the keys of these roles, one after the other; True if all went well."""
    roles = names or tuple(SHARES)
    seconds = 60 * minutes / sum(SHARES[role] for role in roles)
    with tempfile.TemporaryDirectory(prefix="api-fuzz-") as name:
        folder = Path(name)
        model = build_tiny_model(folder / "tiny", context_length=CONTEXT_LENGTH)
        config = write_adapter(model, folder / "adapter_model.safetensors")
        os.environ.update(SETTINGS)
        with (
            (folder / "log").open("wb") as log,
            serving(model, folder / "data", log=log) as (_, server),
        ):
            described = httpx.get(f"{server.url}/openapi.json", timeout=120).json()["paths"]
            results = [
                fuzz(schemathesis, server, role, int(SHARES[role] * seconds), folder, config)
                for role in roles
            ]
        log_text = (folder / "log").read_text(errors="replace")
        answers = {role: read_answers(folder / f"answers-{role}.jsonl") for role in roles}
    operations = {f"{method.upper()} {path}" for path, item in described.items() for method in item}
    unasked = {role: operations - {name for name, _ in answers[role]} for role in roles}
    for role in roles:
        statuses = Counter(status for _, status in answers[role])
        print(role, dict(sorted(statuses.items())))
        if unasked[role]:
            print(f"{role} did not ask {len(unasked[role])} of {len(operations)} operations")
    if "Traceback" in log_text:
        print(log_text)
    return not (any(results) or any(unasked.values()) or "Traceback" in log_text)


def fuzz(
    schemathesis: str, server: RunningServer, role: str, seconds: int, folder: Path, config: str
) -> int:
    """Run Schemathesis with the key of one role; return its exit status."""
    environment = os.environ | {
        "FUZZ_ROLE": role,
        "FUZZ_URL": server.url,
        "FUZZ_TOKEN": server.token,
        "FUZZ_FOLDER": str(folder),
        "FUZZ_ADAPTER_CONFIG": config,
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(HERE),
    }
    command = [schemathesis, "--config-file", str(HERE / "schemathesis.toml"), "run"]
    command += [f"{server.url}/openapi.json", "--max-time", str(seconds)]
    print(f"== {role}: {seconds} s", flush=True)
    return subprocess.run(command, env=environment, cwd=folder, check=False).returncode


def read_answers(path: Path) -> list[tuple[str, int]]:
    """The operation and the status of each answer."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [(row["operation"], row["status"]) for row in map(json.loads, lines)]


def write_adapter(model: Path, weights: Path) -> str:
    """Write random weights that fit the model; return their config as the header has it."""
    shapes = AdapterPool(load_tiny(model).model, LORA, num_slots=2).shapes
    save_file(random_adapter(shapes, seed=0), weights)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": model.name,
        "r": LORA.rank,
        "lora_alpha": LORA.alpha,
        "target_modules": sorted({path.rpartition(".")[2] for path in shapes}),
        "bias": "none",
    }
    return base64.b64encode(json.dumps(config).encode()).decode()


if __name__ == "__main__":
    schemathesis, minutes, *roles = sys.argv[1:]
    sys.exit(not main(schemathesis, float(minutes), *roles))
