"""The parent's side of training, with a real child process that trains nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scheduler.errors import TrainingCancelledError, TrainingFailedError
from scheduler.records import Progress
from scheduler.trainer.job import JobResult
from scheduler.trainer.worker import ProcessTrainer
from tests.processes import newer_children
from tests.scheduler.builders import make_dataset, make_job
from tests.scheduler.evaluations import GOOD
from tests.scheduler.fake_trainer import MANY_STEPS

ROOT = Path(__file__).parents[3]
FAKE = "tests.scheduler.fake_trainer"

ORPHANED = """
import sys
from pathlib import Path
from scheduler.trainer.worker import ProcessTrainer
from tests.scheduler.builders import make_dataset, make_job
root, behaviour, is_busy = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "busy"
ProcessTrainer(root / "jobs", lambda: is_busy, 60.0, module="tests.scheduler.fake_trainer").run(
    make_job(behaviour, root),
    make_dataset(),
    destination=root,
    on_progress=lambda progress: None,
    is_cancelled=lambda: False,
)
"""


def eventually(condition: Callable[[], bool]) -> None:
    """Return as soon as `condition()` holds; fail after 20 seconds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def linux_state(pid: int) -> str:
    """The kernel's letter for a process's state: T is stopped, Z ended; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


@dataclass
class Bench:
    """A trainer, and the progress that its caller received."""

    root: Path
    timeout: float = 60.0
    cancel_grace: float = 0.0
    is_busy: Callable[[], bool] = lambda: False
    is_cancelled: Callable[[], bool] = lambda: False
    progress: list[Progress] = field(default_factory=list)

    @property
    def destination(self) -> Path:
        return self.root / "staged"

    def trainer(self) -> ProcessTrainer:
        return ProcessTrainer(
            self.root / "jobs",
            self.is_busy,
            self.timeout,
            module=FAKE,
            cancel_grace=self.cancel_grace,
        )

    def run(self, behaviour: str, trainer: ProcessTrainer | None = None) -> JobResult:
        self.destination.mkdir()
        try:
            return (trainer or self.trainer()).run(
                make_job(behaviour, self.root),
                make_dataset(),
                destination=self.destination,
                on_progress=self.progress.append,
                is_cancelled=self.is_cancelled,
            )
        finally:
            assert list((self.root / "jobs").iterdir()) == [], "the user's text is still there"

    def fail(self, behaviour: str) -> str:
        with pytest.raises(TrainingFailedError) as failure:
            self.run(behaviour)
        assert list(self.destination.iterdir()) == []
        return str(failure.value)

    def child_pid(self) -> int:
        return int((self.root / "pid").read_text())

    def chat(self, polls: int) -> list[int]:
        """Be busy for so many polls once there is progress; return how much there was at each."""
        counts: list[int] = []

        def is_busy() -> bool:
            if self.progress:
                counts.append(len(self.progress))
            return 0 < len(counts) <= polls

        self.is_busy = is_busy
        return counts

    def parent(self, behaviour: str, chat: str) -> subprocess.Popen[bytes]:
        """Start another process that trains, busy or idle."""
        return subprocess.Popen([sys.executable, "-c", ORPHANED, str(self.root), behaviour, chat])


@pytest.fixture(scope="module", autouse=True)
def training_priority() -> None:
    """As users have it."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return Bench(tmp_path)


def test_the_adapter_arrives_where_it_was_wanted(bench: Bench) -> None:
    result = bench.run("succeed")
    assert result.adapter == bench.destination
    names = sorted(file.name for file in bench.destination.iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors"]
    assert (bench.destination / "adapter_model.safetensors").read_bytes() == b"weights"
    assert result.evaluation == GOOD
    assert result.lora_targets == ("model.layers.0.mlp",)
    assert result.usage["examples"] == 1


def test_progress_is_received_and_other_output_is_dropped(bench: Bench) -> None:
    bench.run("succeed")
    assert bench.progress == [
        Progress(phase="training", fraction=0.5, step=1, steps=2, loss=1.5),
        Progress(phase="training", fraction=1.0, step=0, steps=0, loss=None),
    ]


def test_the_child_has_a_lower_priority_and_no_secrets(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORALEI_ADMIN_KEY", "secret")
    usage = bench.run("succeed").usage
    assert usage["niceness"] > os.getpriority(os.PRIO_PROCESS, 0)
    assert not usage["has_secret"]


def test_a_prepared_child_works_the_next_job(bench: Bench) -> None:
    trainer, own = bench.trainer(), newer_children()
    trainer.prepare()
    trainer.prepare()
    [prepared] = own()
    assert bench.run("tell_pid", trainer).usage["pid"] == prepared
    assert own() == []


def test_a_prepared_child_that_has_died_is_replaced(bench: Bench) -> None:
    trainer, own = bench.trainer(), newer_children()
    trainer.prepare()
    [prepared] = own()
    os.kill(prepared, signal.SIGKILL)
    eventually(lambda: linux_state(prepared) in ("", "Z"))
    assert bench.run("tell_pid", trainer).usage["pid"] != prepared


def test_closing_ends_the_prepared_child(bench: Bench) -> None:
    trainer, own = bench.trainer(), newer_children()
    trainer.prepare()
    trainer.close()
    assert own() == []
    trainer.close()


def test_a_crash_gives_the_last_line_of_its_errors(bench: Bench) -> None:
    assert bench.fail("crash") == (
        "the training process failed with exit code 3: ValueError: no such layer"
    )


def test_ending_without_a_result_is_a_failure(bench: Bench) -> None:
    assert bench.fail("vanish") == "the training process ended without a result"


def test_a_killed_child_is_a_failure_that_names_memory(bench: Bench) -> None:
    assert "killed: it ran out of memory" in bench.fail("be_killed")


def test_a_child_killed_from_outside_is_a_failure(bench: Bench) -> None:
    def kill_once_it_waits() -> bool:
        if bench.progress:
            os.kill(bench.child_pid(), signal.SIGTERM)
        return False

    bench.is_busy = kill_once_it_waits
    assert "ended by signal 15" in bench.fail("wait_for_the_end")


def test_an_unknown_module_is_a_failure(bench: Bench) -> None:
    assert "KeyError" in bench.fail("no such behaviour")


@pytest.mark.parametrize("behaviour", ["end_without_adapter", "link_elsewhere", "write_nonsense"])
def test_an_unusable_result_is_a_failure(bench: Bench, behaviour: str) -> None:
    assert bench.fail(behaviour).startswith("the training process left no usable result")


def test_training_that_takes_too_long_is_killed(bench: Bench) -> None:
    bench.timeout = 3.0
    assert bench.fail("hear_nothing") == "training took longer than 3 seconds"
    assert not is_alive(bench.child_pid())


def test_a_cancelled_run_kills_the_child(bench: Bench) -> None:
    bench.is_cancelled = lambda: bool(bench.progress)
    with pytest.raises(TrainingCancelledError):
        bench.run("hear_nothing")
    assert not is_alive(bench.child_pid())


def test_the_child_is_stopped_while_people_chat(bench: Bench) -> None:
    counts = bench.chat(polls=50)
    bench.run("take_many_steps")
    assert counts[5] == counts[50] < MANY_STEPS
    assert [each.step for each in bench.progress] == list(range(1, MANY_STEPS + 1))


def test_time_spent_paused_does_not_count_towards_the_timeout(bench: Bench) -> None:
    bench.timeout = 3.0
    counts = bench.chat(polls=160)
    begun = time.monotonic()
    bench.run("take_many_steps")
    assert len(counts) > 160
    assert time.monotonic() - begun > bench.timeout


def test_device_seconds_do_not_count_pauses(bench: Bench) -> None:
    bench.chat(polls=50)
    begun = time.monotonic()
    result = bench.run("take_many_steps")
    assert 0.3 < result.usage["device_seconds"] < time.monotonic() - begun - 0.8


def test_device_seconds_begin_with_the_work(bench: Bench) -> None:
    assert bench.run("wait_for_a_device").usage["device_seconds"] < 0.4


def test_a_child_can_say_why_it_failed(bench: Bench) -> None:
    assert bench.fail("say_why_it_failed") == "the node is on fire"


def test_a_child_can_have_time_to_clean_up_after_a_failure(bench: Bench) -> None:
    bench.cancel_grace = 20.0
    bench.fail("say_why_it_failed")
    assert (bench.root / "end of input").exists()


def test_a_child_can_have_time_to_clean_up_after_a_cancellation(bench: Bench) -> None:
    bench.cancel_grace = 20.0
    bench.is_cancelled = lambda: bool(bench.progress)
    with pytest.raises(TrainingCancelledError):
        bench.run("wait_for_the_end")
    assert (bench.root / "end of input").exists()


def test_a_stopped_child_is_killed_when_its_run_is_cancelled(bench: Bench) -> None:
    counts = bench.chat(polls=1000)
    bench.is_cancelled = lambda: len(counts) > 5
    with pytest.raises(TrainingCancelledError):
        bench.run("hear_nothing")
    assert not is_alive(bench.child_pid())


def test_a_child_that_lingers_after_its_result_is_killed(bench: Bench) -> None:
    assert bench.run("linger").evaluation == GOOD
    assert not is_alive(bench.child_pid())


def test_the_child_notices_that_the_parent_was_killed(bench: Bench) -> None:
    parent = bench.parent("wait_for_the_end", "idle")
    try:
        # Killed any earlier, the parent breaks the pipe that the child writes to.
        eventually((bench.root / "reported").exists)
    finally:
        parent.kill()
        parent.wait()
    eventually((bench.root / "end of input").exists)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a stopped child stays stopped")
def test_a_stopped_child_ends_with_its_parent(bench: Bench) -> None:
    def is_stopped() -> bool:
        text = pid_file.read_text() if pid_file.exists() else ""
        return bool(text) and linux_state(int(text)) == "T"

    pid_file = bench.root / "pid"
    parent = bench.parent("live_with_the_parent", "busy")
    try:
        eventually(is_stopped)
    finally:
        parent.kill()
        parent.wait()
    eventually(lambda: linux_state(bench.child_pid()) in ("", "Z"))


def test_sweeping_removes_what_a_crash_left(bench: Bench) -> None:
    leftover = bench.root / "jobs" / "0123"
    leftover.mkdir(parents=True)
    (leftover / "dataset.jsonl").write_text("private")
    trainer = ProcessTrainer(bench.root / "jobs", bench.is_busy, 1.0)
    assert trainer.sweep() == 1
    assert trainer.sweep() == 0
    assert not leftover.exists()


def test_sweeping_before_the_first_job_finds_nothing(tmp_path: Path) -> None:
    assert ProcessTrainer(tmp_path / "jobs", lambda: False, 1.0).sweep() == 0
