"""Runs a server for half an hour under 200 users, and watches what it holds.

    python -m tests.soak [--minutes 30] [--model smollm2-135m]

People chat, correct and leave in the middle of replies; learners are trained, and their versions
swapped; exchanges expire, as many as come in. `samples.py` says when something has grown too much.
Server errors and logged exceptions fail the soak, too; refusals for want of capacity do not.
`--model tiny` takes the tiny model of the tests, to try the soak itself.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from adapters_store.models.resolve import resolve_model
from server.data_folder import RunningServer
from server.settings import default_model_cache
from tests.server.live import Person
from tests.server.own_process import serving
from tests.soak.people import (
    NUM_PEOPLE,
    RETENTION_SECONDS,
    Crowd,
    earlier_exchanges,
)
from tests.soak.samples import Sample, growths, take_sample
from tests.tiny_model import LENIENT_GATE, QUICK_TRAINING, build_tiny_model

TINY = "tiny"
SAMPLES = 30
# Clears expired exchanges away as often as there are samples, not once an hour.
PROGRAM = """
import os
import server.app
from server.cli.serve import configure_logs
from tests.server.own_process import PROGRAM

server.app.HOUSEKEEPING_SECONDS = float(os.environ["SOAK_HOUSEKEEPING_SECONDS"])
configure_logs(False)
exec(PROGRAM)
"""
SETTINGS: dict[str, Any] = {
    "RETENTION_DAYS": RETENTION_SECONDS / 86400,
    # Small enough to be full before the first third is over.
    "PREFIX_CACHE_MB": 32,
    "ADAPTER_CACHE_MB": 32,
    "SCHEDULE": {"interval": 10, "nightly": ""},
    "POLICY": {"min_new_feedback": 10, "cooldown": 0, "daily_runs": 1000},
    "THREADS": 0,
    "MAX_WRONG_KEYS": 100_000,
}
TINY_SETTINGS: dict[str, Any] = {
    "TRAINING": QUICK_TRAINING | {"max_steps": 10, "learning_rate": 2e-2},
    "GATE": LENIENT_GATE,
}


def main() -> None:
    """Soak, print a table, and end with status 1 if something is wrong."""
    parser = argparse.ArgumentParser(description="Soaks a server.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--model", default="smollm2-135m", help=f"a model's name, or {TINY}")
    options = parser.parse_args()
    # A soak that is stopped stops its server, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory() as name:
        wrong = _soak(options.model, options.minutes * 60, Path(name))
    print("\n".join(wrong) or "nothing grew, and nothing failed")
    sys.exit(1 if wrong else 0)


def _soak(model: str, seconds: float, folder: Path) -> list[str]:
    """Sentences about what is wrong."""
    settings, weights = SETTINGS, folder / TINY
    if model == TINY:
        build_tiny_model(weights)
        settings = SETTINGS | TINY_SETTINGS | {"MODEL_CACHE": str(folder / "cache")}
    else:
        cache = default_model_cache()
        weights = resolve_model(model, cache, lambda phase, done, total: None).path
    environment = {f"LORALEI_{key}": _text(value) for key, value in settings.items()}
    environment["SOAK_HOUSEKEEPING_SECONDS"] = str(seconds / SAMPLES)
    data = folder / "data"
    with (
        (folder / "log").open("wb") as log,
        serving(weights, data, log=log, program=PROGRAM, environment=environment) as (
            process,
            server,
        ),
    ):
        people = _people(server)
        crowd = Crowd(server, weights.name, people)
        samples = asyncio.run(_watch(crowd, server, process.pid, data, seconds))
        runs = _ended_runs(server)
        process.terminate()
        status = process.wait(60)
    promoted = [run for run in runs if run["status"] == "promoted"]
    reasons = [run["reason"] for run in runs]
    logged = (folder / "log").read_text(encoding="utf-8", errors="replace")
    return [
        *growths(samples),
        *crowd.tally.errors[:10],
        *([] if promoted else [f"no version was promoted, so none was swapped: {reasons}"]),
        *([f"the server ended with status {status}"] if status else []),
        *([f"the log has exceptions:\n{logged[-5000:]}"] if _is_bad(logged) else []),
    ]


def _people(server: RunningServer) -> list[Person]:
    """Accounts with earlier exchanges."""
    people, now = [], time.time()
    with _admin(server) as admin:
        for place in reversed(range(NUM_PEOPLE)):
            made = admin.post("/v1/admin/users", json={"name": f"person-{place}"})
            body = made.raise_for_status().json()
            people.append(Person(body["id"], body["name"], body["key"]))
            rows = "".join(f"{json.dumps(row)}\n" for row in earlier_exchanges(place, now))
            path = f"/v1/admin/users/{body['id']}/feedback"
            admin.post(path, content=rows).raise_for_status()
    return people[::-1]


async def _watch(
    crowd: Crowd, server: RunningServer, pid: int, data: Path, seconds: float
) -> list[Sample]:
    """Let them chat, and take samples at moments without an open chat."""
    samples: list[Sample] = []
    print(
        "minute  chats  left  corrections  refused  errors  promoted  ended    MiB  files  DB MiB"
        " stored"
    )
    began = time.monotonic()
    for number in range(1, SAMPLES + 1):
        await crowd.chat_until(began + seconds * number / SAMPLES)
        sample = take_sample(pid, data)
        samples.append(sample)
        counts = crowd.tally.counts
        statuses = Counter(run["status"] for run in _ended_runs(server))
        print(
            f"{(time.monotonic() - began) / 60:6.1f} {counts['chats']:6} {counts['left']:5}"
            f" {counts['corrections']:12} {counts['refused']:8} {len(crowd.tally.errors):7}"
            f" {statuses['promoted']:9} {statuses.total():6} {sample.memory / 2**20:6.0f}"
            f" {sample.open_files:6} {sample.database / 2**20:7.2f} {sample.exchanges:6}",
            flush=True,
        )
    return samples


def _ended_runs(server: RunningServer) -> list[dict[str, Any]]:
    with _admin(server) as admin:
        runs = admin.get("/v1/admin/runs?limit=1000").raise_for_status().json()["data"]
    return [run for run in runs if run["status"] not in ("queued", "running")]


def _admin(server: RunningServer) -> httpx.Client:
    headers = {"Authorization": f"Bearer {server.token}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=300, trust_env=False)


def _is_bad(log: str) -> bool:
    return "Traceback" in log or any(
        line.startswith(("ERROR", "CRITICAL")) for line in log.splitlines()
    )


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)


if __name__ == "__main__":
    main()
