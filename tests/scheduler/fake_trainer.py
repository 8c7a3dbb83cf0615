"""A fake training process without a model: does what the job's `base_model` says.

It writes files to the folder `base_path` to tell a test what has happened.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from feedback.examples.dataset import read
from scheduler.trainer.job import ADAPTER_FOLDER, DATASET_FILE, read_job, write_result
from scheduler.trainer.parent_pipe import ParentPipe
from tests.scheduler.evaluations import GOOD

MANY_STEPS = 40


def send(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def write_files(folder: Path, **more: int) -> None:
    adapter = folder / ADAPTER_FOLDER
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    usage = {
        "examples": len(read(folder / DATASET_FILE).examples),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "has_secret": "LORALEI_ADMIN_KEY" in os.environ,
        **more,
    }
    write_result(folder, GOOD, usage, ("model.layers.0.mlp",))


def finish(folder: Path, **more: int) -> None:
    write_files(folder, **more)
    send({"done": True})


def finish_one(folder: Path, **more: int) -> None:
    """As the real child says it, which may have other jobs."""
    write_files(folder, **more)
    send({"done": True, "job": folder.name})


def next_folder() -> Path:
    """Wait for the next job in this child."""
    return Path(sys.stdin.readline().removesuffix("\n"))


def share(folder: Path, signs: Path) -> None:
    for each in (folder, next_folder()):
        send({"progress": {"phase": each.name, "fraction": 0.5}, "job": each.name})
        finish_one(each, pid=os.getpid())
    sys.stdin.read()


def fail_the_first(folder: Path, signs: Path) -> None:
    other = next_folder()
    send({"failed": "no example is shorter", "job": folder.name})
    finish_one(other)
    sys.stdin.read()


def crash_with_two(folder: Path, signs: Path) -> None:
    if (signs / "crashed").exists():
        finish_one(folder, pid=os.getpid())
        sys.stdin.read()
    next_folder()
    (signs / "crashed").touch()
    (folder / ADAPTER_FOLDER).mkdir()
    raise SystemExit(3)


def outlive_one(folder: Path, signs: Path) -> None:
    both = [folder, next_folder()]
    (signs / "both").touch()
    while all(each.exists() for each in both):
        time.sleep(0.01)
    [left] = [each for each in both if each.exists()]
    finish_one(left)
    sys.stdin.read()


def tell_pid(folder: Path, signs: Path) -> None:
    finish(folder, pid=os.getpid())


def succeed(folder: Path, signs: Path) -> None:
    sys.stdout.write("a library says hello\n[1, 2]\n")
    send({"progress": {"phase": "training", "fraction": 0.5, "step": 1, "steps": 2, "loss": 1.5}})
    send({"progress": {"phase": "training", "fraction": 7, "loss": float("nan")}})
    finish(folder)


def crash(folder: Path, signs: Path) -> None:
    sys.stderr.write("x" * 100_000 + "\nTraceback\nValueError: no such layer\n")
    raise SystemExit(3)


def vanish(folder: Path, signs: Path) -> None:
    raise SystemExit(0)


def be_killed(folder: Path, signs: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def end_without_adapter(folder: Path, signs: Path) -> None:
    write_result(folder, GOOD, {}, ())
    send({"done": True})


def link_elsewhere(folder: Path, signs: Path) -> None:
    (folder / ADAPTER_FOLDER).mkdir()
    (folder / ADAPTER_FOLDER / "adapter_model.safetensors").symlink_to("/etc/hostname")
    write_result(folder, GOOD, {}, ())
    send({"done": True})


def write_nonsense(folder: Path, signs: Path) -> None:
    (folder / "result.json").write_text('{"evaluation": {"held_out_examples": 1}}')
    send({"done": True})


def wait_for_the_end(folder: Path, signs: Path) -> None:
    (signs / "pid").write_text(str(os.getpid()))
    send({"progress": {"phase": "waiting", "fraction": 0.1}})
    (signs / "reported").touch()
    sys.stdin.read()
    (signs / "end of input").touch()


def hear_nothing(folder: Path, signs: Path) -> None:
    (signs / "pid").write_text(str(os.getpid()))
    send({"progress": {"phase": "waiting", "fraction": 0.1}})
    while True:
        signal.pause()


def live_with_the_parent(folder: Path, signs: Path) -> None:
    parent = ParentPipe()
    (signs / "pid").write_text(str(os.getpid()))
    parent.enter("waiting", 0.1, 1.0)
    while True:
        signal.pause()


def take_many_steps(folder: Path, signs: Path) -> None:
    for step in range(1, MANY_STEPS + 1):
        send({"progress": {"phase": "training", "step": step, "steps": MANY_STEPS}})
        time.sleep(0.01)
    finish(folder)


def wait_for_a_device(folder: Path, signs: Path) -> None:
    send({"progress": {"phase": "waiting", "fraction": 0.0}})
    time.sleep(0.5)
    send({"begun": True})
    finish(folder)


def say_why_it_failed(folder: Path, signs: Path) -> None:
    send({"failed": "the node is on fire"})
    sys.stdin.read()
    (signs / "end of input").touch()


def linger(folder: Path, signs: Path) -> None:
    finish(folder)
    hear_nothing(folder, signs)


BEHAVIOURS: dict[str, Callable[[Path, Path], None]] = {
    behaviour.__name__: behaviour
    for behaviour in (
        succeed,
        tell_pid,
        crash,
        vanish,
        be_killed,
        end_without_adapter,
        link_elsewhere,
        write_nonsense,
        wait_for_the_end,
        hear_nothing,
        live_with_the_parent,
        take_many_steps,
        linger,
        wait_for_a_device,
        say_why_it_failed,
        share,
        fail_the_first,
        crash_with_two,
        outlive_one,
    )
}

if __name__ == "__main__":
    job_folder = next_folder()
    job = read_job(job_folder)
    BEHAVIOURS[job.base_model](job_folder, Path(job.base_path))
