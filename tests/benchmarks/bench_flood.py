"""How long does a user wait for a reply's first word while another one floods the server?

    LORALEI_MODEL=... python -m tests.benchmarks.bench_flood [--no-write]

Over HTTP. One key asks twice for eight replies without end. Another one sends short and long
prompts one by one, first alone and then beside the flood.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from server.base_model.choice import or_smallest
from server.client import Client
from server.data_folder import RunningServer
from server.settings import Settings
from tests.benchmarks.learning.server import benchmark_server
from tests.benchmarks.report import machine, markdown_table, show_section

PROMPTS = 20
LENGTHS = {"short": 7, "about 500 tokens": 480}
"""Words of a prompt."""
TIMEOUT = 600
IDLE_SECONDS = 5
_WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog")
_BUSY = ("loralei_replies_running", "loralei_replies_waiting")
_FLOOD: dict[str, Any] = {"n": 8, "ignore_eos": True, "max_tokens": 100_000}


@dataclass(frozen=True)
class Waits:
    """Medians in seconds."""

    first: float
    step: float


def main() -> None:
    """Measure, print and write the table."""
    model = Path(or_smallest(Settings().model)).name
    with benchmark_server(Console(stderr=True)) as server:
        admin = Client(server.url, server.token)
        keys = [admin.post("/v1/admin/users", {"name": name})["key"] for name in ("ann", "bob")]
        waits(server, keys[0], model, 1, "warm-up")
        _await_idle(server)
        alone = {name: waits(server, keys[0], model, n, "alone") for name, n in LENGTHS.items()}
        with _flood(server, keys[1], model):
            beside = {
                name: waits(server, keys[0], model, n, "flood") for name, n in LENGTHS.items()
            }
    text = f"Measured on {machine()}, {model}.\n\n{table(alone, beside)}"
    show_section(f"flood {model}", text, is_written="--no-write" not in sys.argv)


def table(alone: dict[str, Waits], beside: dict[str, Waits]) -> str:
    """The waits for each length of prompts."""
    short, long = LENGTHS
    wanted = {
        short: alone[short].first + 2 * beside[short].step,
        long: 1.5 * alone[long].first,
    }
    heading = ("prompt", "alone", "beside the flood", "step beside the flood", "wanted, at most")
    rows = [
        (
            name,
            f"{alone[name].first:.2f} s",
            f"{beside[name].first:.2f} s",
            f"{beside[name].step:.2f} s",
            f"{wanted[name]:.2f} s",
        )
        for name in LENGTHS
    ]
    return markdown_table(heading, rows)


def waits(server: RunningServer, key: str, model: str, words: int, tag: str) -> Waits:
    """The first word's wait, and that from one word to the next, over `PROMPTS` prompts."""
    arrivals = [_arrivals(server, key, model, _prompt(words, f"{tag} {n}")) for n in range(PROMPTS)]
    steps = [b - a for each in arrivals for a, b in pairwise(each)]
    return Waits(median(each[0] for each in arrivals), median(steps))


def _prompt(words: int, begin: str) -> str:
    """No two begin alike, so that nothing of them is cached."""
    return f"{begin} " + " ".join(_WORDS[n % len(_WORDS)] for n in range(words))


def _arrivals(server: RunningServer, key: str, model: str, prompt: str) -> list[float]:
    """Seconds from the request to each piece of the reply."""
    began = time.perf_counter()
    asked = {"max_tokens": 6, "ignore_eos": True, "temperature": 0}
    with _reply(server, key, model, prompt, asked) as lines:
        return [time.perf_counter() - began for line in lines if _has_text(line)]


@contextmanager
def _reply(
    server: RunningServer, key: str, model: str, prompt: str, asked: dict[str, Any]
) -> Iterator[Iterator[str]]:
    messages = [{"role": "user", "content": prompt}]
    body = {"model": model, "messages": messages, "stream": True, "store": False} | asked
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{server.url}/v1/chat/completions"
    with httpx.stream("POST", url, headers=headers, json=body, timeout=TIMEOUT) as response:
        response.raise_for_status()
        yield response.iter_lines()


def _has_text(line: str) -> bool:
    if not line.startswith("data: {"):
        return False
    choices = json.loads(line.removeprefix("data: "))["choices"]
    return bool(choices and choices[0]["delta"].get("content"))


def _await_idle(server: RunningServer) -> None:
    """Wait until the server has prepared for trainings."""
    since = time.monotonic()
    headers = {"Authorization": f"Bearer {server.token}"}
    while time.monotonic() - since < IDLE_SECONDS:
        page = httpx.get(f"{server.url}/metrics", headers=headers).text
        busy = [
            sample
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name in _BUSY and sample.value
        ]
        if busy:
            since = time.monotonic()
        time.sleep(0.5)


@contextmanager
def _flood(server: RunningServer, key: str, model: str) -> Iterator[None]:
    """Two requests for eight replies without end each, asked again if they end."""
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            with _reply(server, key, model, "write on and on", _FLOOD) as lines:
                for _ in lines:
                    if is_over.is_set():
                        break

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(8)  # until all rows are written
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
