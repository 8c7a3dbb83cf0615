"""A simulated user from the first question to the stored results, on a tiny random model."""

import json
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from tests.benchmarks.learning.measure import Measuring
from tests.benchmarks.learning.personas import BY_NAME
from tests.benchmarks.learning.plan import NOTHING, Plan, keys
from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN
from tests.benchmarks.learning.results import Arm, Key, Point, Results
from tests.server.live import running

LOWER = BY_NAME["lower"]
ONE = Point(corrections=1)
PLAN = Plan(
    "tiny", (LOWER,), seeds=1, points=(ONE,), test_prompts=3, taught_tokens=24, test_tokens=8
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Our own prompts, in files as self-instruct has them."""
    for file in (TAUGHT, UNSEEN):
        tasks = [
            {"id": f"{file}-{n}", "instruction": f"Count to {n}.", "instances": [{"input": ""}]}
            for n in range(5)
        ]
        (tmp_path / file).write_text("\n".join(map(json.dumps, tasks)), encoding="utf-8")
    return tmp_path


def measure(url: str, admin_key: str, data: Path) -> list[Key]:
    """Measure what is missing, and return all finished keys."""
    results = Results(data / "tiny.jsonl")
    with Progress(console=Console(quiet=True)) as bar:
        Measuring(PLAN, url, admin_key, data, results, bar).run()
    return [each.key for each in results]


def test_a_persona_is_measured_once(data: Path, tiny_model_folder: Path) -> None:
    schedule = {"interval": 0, "nightly": ""}
    with running(tiny_model_folder, data / "server", schedule=schedule, threads=1) as server:
        finished = measure(server.url, server.admin_key, data)
    assert finished == keys(LOWER, 0, NOTHING) + keys(LOWER, 0, ONE)

    both = Results(data / "tiny.jsonl").get(Key("lower", 0, ONE, Arm.BOTH))
    assert both is not None and both.run is not None
    assert [reply.prompt.startswith(UNSEEN) for reply in both.replies] == [True] * 3
    assert both.run.status in ("promoted", "refused") and both.run.num_feedback == 1

    assert measure("http://nobody.invalid", "", data) == finished
