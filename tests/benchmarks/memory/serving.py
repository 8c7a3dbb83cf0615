"""The server and its idle training child, less the same with a tiny model, in bytes of weights."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from adapters_store.models.resolve import resolve_model
from adapters_store.weights.packed_file import packed_path
from server.cli.views import model_progress
from server.settings import Settings
from tests.benchmarks.memory.processes import memory_of
from tests.benchmarks.report import machine, markdown_table
from tests.processes import children
from tests.tiny_model import build_tiny_model

START_SECONDS = 300.0
SETTLE_SECONDS = 20.0


def measure_serving(model: str) -> str:
    """The table of one base model: a built-in name or a folder of weights."""
    settings = Settings(model=model)
    with model_progress(Console()) as show:
        source = resolve_model(model, settings.model_cache, show)
    weights = packed_path(settings.model_cache, source.revision, "int8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny = str(build_tiny_model(folder / "tiny"))
        small = _memory_of_server(tiny, folder / "small", folder / "cache")
        large = _memory_of_server(model, folder / "large", settings.model_cache)
    size = weights.stat().st_size
    rows = [
        ("weights, packed", f"{size / 2**20:.0f}"),
        ("server and idle child, proportional set size", f"{large / 2**20:.0f}"),
        ("the same with a tiny random model", f"{small / 2**20:.0f}"),
        ("the difference ÷ the weights", f"{(large - small) / size:.2f}"),
    ]
    title = f"Measured on {machine()}. {source.name}, int8."
    return f"{title}\n\n" + markdown_table(("", "MiB"), rows)


def _memory_of_server(model: str, data: Path, cache: Path) -> int:
    """Proportional set size of a server that has answered once, and of its children."""
    with _serving(model, data, cache) as (process, url, key):
        body = {
            "model": Path(model).name,
            "messages": [{"role": "user", "content": "Say hello."}],
            "max_tokens": 16,
        }
        _post(f"{url}/v1/chat/completions", key, body)
        time.sleep(SETTLE_SECONDS)
        pids = [process.pid, *_descendants(process.pid)]
        return sum(memory_of(pid).proportional for pid in pids)


@contextmanager
def _serving(
    model: str, data: Path, cache: Path
) -> Iterator[tuple["subprocess.Popen[str]", str, str]]:
    """`loralei serve` in a process of its own, ready: with its URL and the admin's key."""
    environment = {
        **os.environ,
        "LORALEI_MODEL": model,
        "LORALEI_DATA_DIR": str(data),
        "LORALEI_MODEL_CACHE": str(cache),
        "LORALEI_PORT": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "server.cli", "serve"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        url = key = ""
        for line in process.stdout:
            if found := re.search(r"(http://\S+?)/(?:#key=(\S+))?\s*$", line):
                url, key = found[1], found[2] or key
            if "Ready" in line:
                break
        yield process, url.removesuffix("/admin"), key
    finally:
        process.terminate()
        process.wait(60)


def _post(url: str, key: str, body: object) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=START_SECONDS) as response:
        response.read()


def _descendants(pid: int) -> list[int]:
    return [each for child in children(pid) for each in (child, *_descendants(child))]
