"""How long does a tick of the scheduler take, by the number of users, if a hundred are due?

    python -m tests.benchmarks.bench_tick [--no-write]

On a database file with everybody's feedback, runs and versions, without a model. Everybody has one
item that no run has seen. Those who are due give five more before each tick: every other user likes
five replies, the rest correct them. All versions are provisional, so the tick compares their
ratings, too.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.progress import track

from scheduler.records import PolicyConfig, RunStatus, ScheduleConfig
from scheduler.run_store import REQUESTED
from scheduler.service import SchedulerService
from server.database import SharedDatabase
from tests.adapters_store.make import make_version
from tests.benchmarks.report import machine, markdown_table, show_section
from tests.feedback.make import make_feedback, make_interaction
from tests.scheduler.world import World

CROWDS = (1_000, 10_000, 100_000)
DUE = 100
TICKS = 5
NEW = PolicyConfig().min_new_feedback
PROVISIONAL = {"verdict": {"outcome": "provisional", "reasons": []}}
LIKE = {"value": 1}
CORRECTION = {"correction": "The capital of France is Paris!"}
AT_ONCE = 1_000


def main() -> None:
    """Measure, print and write the table."""
    rows = [measure(crowd) for crowd in CROWDS]
    heading = ("users", "due", "MiB of the database", f"seconds, median of {TICKS}", "wanted")
    text = f"Measured on {machine()}.\n\n" + markdown_table(heading, rows)
    show_section("tick", text, is_written="--no-write" not in sys.argv)


def measure(crowd: int) -> tuple[str, ...]:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with SharedDatabase(folder / "loralei.db") as database:
            world = World(folder, database)
            service = build_service(world)
            users = [f"user-{number}" for number in range(crowd)]
            for start in track(range(0, crowd, AT_ONCE), f"{crowd:,} users"):
                with database.atomic():
                    for user in users[start : start + AT_ONCE]:
                        add_user(world, user)
            service.tick()
            seconds = [
                timed_tick(world, service, users[turn * DUE : (turn + 1) * DUE])
                for turn in range(TICKS)
            ]
            database.checkpoint()
            size = (folder / "loralei.db").stat().st_size / 2**20
    return f"{crowd:,}", str(DUE), f"{size:.0f}", f"{median(seconds):.2f}", "at most 0.2"


def build_service(world: World) -> SchedulerService:
    """A service that only ticks when it is told to."""
    return SchedulerService(
        candidates=world.candidates,
        runs=world.runs,
        rollback_monitor=world.rollback_monitor,
        pipeline=world.pipeline,
        suite=world.build_suite(),
        policy_config=PolicyConfig(),
        schedule=ScheduleConfig(interval=0, nightly=""),
        clock=world.clock,
    )


def add_user(world: World, user: str) -> None:
    """A user with two ratings that made the version in use, and one after that."""
    judge(world, user, 2, "base", LIKE)
    run = world.runs.create(user, trigger=REQUESTED, requested_by=user, at=world.now)
    end(world, run.id)
    version = make_version(user, report=PROVISIONAL, created_at=world.now)
    world.registry.register(version)
    world.registry.promote(user, 1, expected=None, by=user, at=world.now, reason="")
    judge(world, user, 1, "v1", LIKE)


def judge(world: World, user: str, count: int, adapter: str, said: dict[str, Any]) -> None:
    """Have a user say the same of this many new replies."""
    for _ in range(count):
        world.now += 0.001
        name = f"chatcmpl-{user}-{world.now:.3f}"
        turn = make_interaction(name, user, created_at=world.now, adapter=adapter)
        world.log.store(turn)
        world.log.add_feedback(
            make_feedback(f"feedback-{world.now:.3f}", user, turn.id, at=world.now, **said)
        )


def end(world: World, run_id: str) -> None:
    """Work a run that reads all feedback and promotes something."""
    world.runs.start(run_id, world.now)
    world.runs.finish(run_id, RunStatus.PROMOTED, "", at=world.now, dataset_hash="abc")


def timed_tick(world: World, service: SchedulerService, due: Sequence[str]) -> float:
    """The seconds of a tick when exactly these users are due."""
    world.now += 2 * PolicyConfig().cooldown
    for number, user in enumerate(due):
        judge(world, user, NEW, "v1", CORRECTION if number % 2 else LIKE)
    began = time.perf_counter()
    runs = service.tick()
    seconds = time.perf_counter() - began
    assert {run.user_id for run in runs} == set(due)
    for run in runs:
        end(world, run.id)
    return seconds


if __name__ == "__main__":
    main()
