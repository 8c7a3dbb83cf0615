"""Runs real vLLM servers on the CPU, from an environment of its own: `VLLM_PYTHON`."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 1200
KEY = "the-key-of-the-vllm-servers"
ENVIRONMENT = {
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
}
# The CLI `vllm` of vllm-cpu 0.32.0 does not start: it looks for a package named vllm.
FLAGS = (
    *("-m", "vllm.entrypoints.openai.api_server"),
    *("--host", "127.0.0.1"),
    *("--api-key", KEY),
    *("--served-model-name", "base"),
    *("--dtype", "float32"),
    "--enforce-eager",
    "--enable-lora",
    *("--max-lora-rank", "8"),
    *("--max-loras", "16"),
    *("--max-cpu-loras", "32"),
    *("--max-num-seqs", "16"),
    *("--max-logprobs", "50"),
    *("--structured-outputs-config.backend", "guidance"),
    *("--generation-config", "vllm"),
    "--disable-uvicorn-access-log",
)


@dataclass
class Vllm:
    """A vLLM server that is starting, answers, or was killed."""

    model: Path
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> dict[str, Any]:
        """The settings with which Loralei asks it."""
        return {"engine": "vllm", "vllm_urls": (self.url,), "vllm_api_key": KEY}

    @property
    def version(self) -> str:
        """The version of vLLM."""
        return str(httpx.get(f"{self.url}/version").json()["version"])

    @property
    def environment(self) -> dict[str, str]:
        """The same for a Loralei in a process of its own."""
        names = {"LORALEI_ENGINE": "vllm", "LORALEI_VLLM_URLS": self.url}
        return names | {"LORALEI_VLLM_API_KEY": KEY}

    def begin(self) -> None:
        """Start it."""
        names = ("PYTHONPATH", "VIRTUAL_ENV")
        inherited = {name: value for name, value in os.environ.items() if name not in names}
        command = [os.environ["VLLM_PYTHON"], *FLAGS]
        command += ["--model", str(self.model), "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env=inherited | ENVIRONMENT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # it has children
            )

    def wait(self) -> None:
        """Return once it answers."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None and self.process.poll() is None, self.log.read_text()
            try:
                if httpx.get(f"{self.url}/health", timeout=5).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.5)
        raise AssertionError("vLLM did not start in time")

    def kill(self) -> None:
        """End it at once, with its children."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def vllm_servers(model: Path, folder: Path, count: int = 1) -> Iterator[list[Vllm]]:
    """Start servers of a model; they are killed at the end."""
    servers = [Vllm(model, free_port(), folder / f"vllm-{i}.log") for i in range(count)]
    try:
        for each in servers:
            each.begin()
        for each in servers:
            each.wait()
        yield servers
    finally:
        for each in servers:
            each.kill()
