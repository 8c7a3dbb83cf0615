"""Jobs of two users in one training child, with a real child that trains nothing."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scheduler.errors import TrainingCancelledError, TrainingFailedError
from scheduler.records import Progress
from scheduler.trainer.job import JobResult
from scheduler.trainer.worker import ProcessTrainer
from tests.scheduler.builders import make_dataset, make_job
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
FAKE = "tests.scheduler.fake_trainer"
USERS = ("ann", "bob")


@dataclass
class Bench:
    """A trainer for two, and what both users are told."""

    root: Path
    threads: ThreadPoolExecutor
    progress: dict[str, list[Progress]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)

    def start(self, behaviour: str) -> dict[str, Future[JobResult]]:
        """Run a job for each user, Ann's first."""
        trainer = ProcessTrainer(self.root / "jobs", lambda: False, 60.0, module=FAKE, num_users=2)
        runs = {}
        for user in USERS:
            self.progress[user] = []
            has_begun = threading.Event()
            runs[user] = self.threads.submit(self._run, trainer, user, behaviour, has_begun)
            assert has_begun.wait(20)
        return runs

    def _run(
        self, trainer: ProcessTrainer, user: str, behaviour: str, has_begun: threading.Event
    ) -> JobResult:
        def is_cancelled() -> bool:
            has_begun.set()
            return user in self.cancelled

        destination = self.root / user
        destination.mkdir()
        return trainer.run(
            make_job(behaviour, self.root),
            make_dataset(user),
            destination=destination,
            on_progress=self.progress[user].append,
            is_cancelled=is_cancelled,
        )


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with ThreadPoolExecutor(2) as threads:
        yield Bench(tmp_path, threads)
    assert list((tmp_path / "jobs").iterdir()) == [], "a user's text is still there"


def test_two_users_share_a_child_and_each_gets_an_own_result(bench: Bench) -> None:
    runs = bench.start("share")
    results = {user: runs[user].result(20) for user in USERS}
    assert len({result.usage["pid"] for result in results.values()}) == 1
    for user, result in results.items():
        assert result.adapter == bench.root / user
        assert (result.adapter / "adapter_model.safetensors").read_bytes() == b"weights"
        assert len(bench.progress[user]) == 1
    phases = {bench.progress[user][0].phase for user in USERS}
    assert len(phases) == 2


def test_they_share_its_time(bench: Bench) -> None:
    began = time.monotonic()
    runs = bench.start("share")
    seconds = [runs[user].result(20).usage["device_seconds"] for user in USERS]
    assert 0 < sum(seconds) < time.monotonic() - began


def test_the_failure_of_one_leaves_the_other(bench: Bench) -> None:
    runs = bench.start("fail_the_first")
    with pytest.raises(TrainingFailedError, match="no example is shorter"):
        runs["ann"].result(20)
    assert runs["bob"].result(20).adapter == bench.root / "bob"


@pytest.mark.parametrize("user", USERS)
def test_cancelling_one_leaves_the_other(bench: Bench, user: str) -> None:
    runs = bench.start("outlive_one")
    wait_until((bench.root / "both").exists)
    bench.cancelled.add(user)
    with pytest.raises(TrainingCancelledError):
        runs[user].result(20)
    [other] = set(USERS) - {user}
    assert runs[other].result(20).adapter == bench.root / other


def test_after_a_crash_each_starts_again_in_an_own_child(bench: Bench) -> None:
    runs = bench.start("crash_with_two")
    pids = {runs[user].result(20).usage["pid"] for user in USERS}
    assert len(pids) == 2
