"""Five corrections, retrained, with this process for an engine and then with vLLM.

    VLLM_PYTHON=path/to/a/venv/bin/python python -m tests.benchmarks.bench_vllm_learning

Both hold the base in float32, so that they write the same replies. `--no-write` only prints.
"""

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from rich.console import Console

from server.cli.demo_server import demo_server
from server.client import Client
from server.settings import Settings
from tests.benchmarks.base import resolve_base
from tests.benchmarks.bench_learning_loop import Measured, measure
from tests.benchmarks.report import machine, markdown_table, show_section
from tests.vllm.running import vllm_servers

FLOAT32 = {"LORALEI_DTYPE": "float32", "LORALEI_BASE_PRECISION": "full"}


@dataclass(frozen=True, slots=True)
class Learned:
    """What was measured, and the (kind, prompt, reply, accepted) of every example."""

    measured: Measured
    examples: frozenset[tuple[str, str, str, bool]]


def main() -> None:
    """Measure, print and write the table."""
    console = Console()
    model = resolve_base(Settings(), console)
    with tempfile.TemporaryDirectory() as name, vllm_servers(model.path, Path(name)) as [vllm]:
        version = vllm.version
        local = learn(Path(name) / "local", str(model.path), {}, console)
        remote = learn(Path(name) / "vllm", str(model.path), vllm.environment, console)
    text = f"{model.name} in float32, measured on {machine()}, vLLM {version}.\n\n"
    text += table(local, remote)
    show_section("vllm learning", text, is_written="--no-write" not in sys.argv)


def learn(folder: Path, model: str, engine: Mapping[str, str], console: Console) -> Learned:
    """Correct and train a user on a server of their own."""
    folder.mkdir()
    with (
        patch.dict(os.environ, {**FLOAT32, **engine}),
        demo_server(folder, model, console) as server,
    ):
        measured = measure(console, server.url, server.token)
        found = Client(server.url, server.token).get("/v1/admin/users/learner/curation")
    names = ("kind", "prompt", "reply", "accepted")
    return Learned(measured, frozenset(tuple(e[n] for n in names) for e in found["examples"]))


def table(local: Learned, remote: Learned) -> str:
    """One column for each engine."""
    both = (local.measured, remote.measured)
    evaluations = [each.run["report"].get("evaluation", {}) for each in both]
    examples = (local.examples, remote.examples)
    common = len(local.examples & remote.examples)

    def lower(replies: list[str]) -> str:
        return f"{sum(text == text.lower() for text in replies)} of {len(replies)}"

    def same(before: list[str], after: list[str]) -> str:
        return f"{sum(map(str.__eq__, before, after))} of {len(before)}"

    rows = [
        ("the run's outcome", *(each.run["status"] for each in both), "promoted"),
        ("examples", *(str(len(each)) for each in examples), "the same"),
        ("of these in both, prompt, reply and verdict of the filters", str(common), "", "all"),
        ("replies before training that are the same", same(both[0].before, both[1].before), "", ""),
        ("unseen questions in lower case, before", *(lower(each.before) for each in both), ""),
        ("the same, after", *(lower(each.after) for each in both), "at least 8 of 10"),
        (
            "another user's replies, unchanged",
            *(same(each.other_before, each.other_after) for each in both),
            "5 of 5",
        ),
        ("optimiser steps", *(str(each.get("steps")) for each in evaluations), ""),
        (
            "KL from the base, nats/token",
            *(f"{each.get('reference_kl', 0):.2f}" for each in evaluations),
            "",
        ),
        ("last feedback → promoted", *(f"{each.seconds:.0f} s" for each in both), ""),
    ]
    return markdown_table(("figure", "this process", "vLLM", "wanted"), rows)


if __name__ == "__main__":
    main()
