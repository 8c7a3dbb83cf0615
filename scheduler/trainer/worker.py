"""Runs training jobs in child processes that pause while people chat. Users may share one."""

import os
import secrets
import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from adapters_store.weights.openmp import WAITING
from feedback.examples.dataset import write as write_dataset
from feedback.records import Dataset
from scheduler.errors import TrainingFailedError
from scheduler.queues.turns import Turns
from scheduler.records import Progress
from scheduler.trainer.job import (
    ADAPTER_FOLDER,
    DATASET_FILE,
    JobResult,
    TrainingJob,
    read_result,
    write_job,
)
from scheduler.trainer.process import ChildProcess
from scheduler.trainer.shared_child import SharedChild

_EXIT_GRACE = 1.0
_LARGE_PAGES = "glibc.malloc.hugetlb=1"


class ProcessTrainer:
    """Trains jobs in child processes, up to `num_users` at a time in each.

    A child is `python -m module` with `arguments` and `num_users`, and reads each job's folder from
    standard input. It is stopped while `is_busy()`, except for the turns of `Pauses`; `timeout`
    (seconds) and the usage's `device_seconds` leave that time out, and jobs that share a child
    share its time. If it `is_nice`, its priority is lower. If its last job ends early, it has
    `cancel_grace` seconds before it is killed. The folder `jobs` is this object's alone: it holds
    the users' text while jobs run. A child dies with the thread that started it, so threads must
    outlive all jobs. One thread must prepare and close.
    """

    def __init__(
        self,
        jobs: Path,
        is_busy: Callable[[], bool],
        timeout: float,
        *,
        module: str = "scheduler.trainer.child_main",
        arguments: Sequence[str] = (),
        cancel_grace: float = 0.0,
        is_nice: bool = True,
        num_users: int = 1,
    ) -> None:
        self._jobs = jobs
        self._is_busy = is_busy
        self._timeout = timeout
        self._module = module
        self._arguments = [*arguments, str(num_users)]
        self._num_users = num_users
        self._cancel_grace = cancel_grace
        self._is_nice = is_nice
        self._prepared: ChildProcess | None = None
        self._shared: SharedChild | None = None
        self._lock = threading.Lock()
        self._turns = Turns()

    def prepare(self) -> None:
        """Start the next job's child, unless there is one: importing PyTorch takes seconds."""
        if self._prepared is None and self._shared is None:
            self._prepared = self._spawn()

    def close(self) -> None:
        """End the child that waits for a job."""
        if self._prepared is not None:
            self._prepared.close()
            self._prepared = None

    def run(
        self,
        job: TrainingJob,
        dataset: Dataset,
        *,
        destination: Path,
        on_progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> JobResult:
        """Fit an adapter and put its files into the empty folder `destination`.

        When this returns or raises, the job's files are removed, and the child has ended unless it
        works for others. If it ends while it works for several, each starts again in a child of its
        own. Raises `TrainingFailedError`, with a reason for users, and `TrainingCancelledError`.
        """
        folder = (self._jobs / secrets.token_hex(16)).resolve()
        folder.mkdir(mode=0o700, parents=True)
        try:
            write_job(folder, job)
            write_dataset(dataset, folder / DATASET_FILE)
            seconds = self._work(folder, on_progress, is_cancelled)
            return _fetch(folder, destination, seconds)
        finally:
            # A shared child may still write, but not into a folder with another name.
            shutil.rmtree(folder.rename(folder.with_suffix(".ended")), ignore_errors=True)

    def sweep(self) -> int:
        """Remove the job folders that a crash left behind; return how many. No job may run."""
        leftovers = list(self._jobs.iterdir()) if self._jobs.is_dir() else []
        for leftover in leftovers:
            shutil.rmtree(leftover, ignore_errors=True)
        return len(leftovers)

    def _work(
        self,
        folder: Path,
        on_progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
        *,
        is_alone: bool = False,
    ) -> float:
        """Have the job worked; return the seconds that it took of a child."""
        shared, grace = self._join(folder, is_alone), self._cancel_grace
        try:
            seconds = shared.watch(folder, on_progress, is_cancelled)
            grace = _EXIT_GRACE
            return seconds
        except TrainingFailedError:
            if not shared.has_ended_with_several:
                raise
        finally:
            self._leave(shared, folder, grace)
        # Whose fault it was is unknown. If it was the memory's, all at once would fail again.
        shutil.rmtree(folder / ADAPTER_FOLDER, ignore_errors=True)
        with self._turns.take(is_cancelled):
            return self._work(folder, on_progress, is_cancelled, is_alone=True)

    def _join(self, folder: Path, is_alone: bool) -> SharedChild:
        with self._lock:
            shared = None if is_alone else self._shared
            if shared is None or not shared.has_room(self._num_users):
                shared = SharedChild(self._child(), self._is_busy, self._timeout)
                if not is_alone:
                    self._shared = shared
            shared.add(folder)
            return shared

    def _leave(self, shared: SharedChild, folder: Path, grace: float) -> None:
        with self._lock:
            is_last = shared.remove(folder)
            if is_last and self._shared is shared:
                self._shared = None
        if is_last:
            shared.close(grace)

    def _child(self) -> ChildProcess:
        """The prepared child, or a new one if there is none or it has ended."""
        child, self._prepared = self._prepared, None
        if child is not None and child.has_ended:
            child.close()
            child = None
        return child or self._spawn()

    def _spawn(self) -> ChildProcess:
        # -P: no package in the working directory may hide ours.
        command = [sys.executable, "-P", "-m", self._module, *self._arguments]
        try:
            return ChildProcess(command, _environment(), is_nice=self._is_nice)
        except OSError as error:
            raise TrainingFailedError(f"the training process did not start: {error}") from error


def _environment() -> dict[str, str]:
    # The child must not see the server's settings: they hold the admin key.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("LORALEI_")}
    return inherited | {
        # Threads that spin while idle slow the chat tenfold on few cores; the passive policy makes
        # training a third slower.
        **WAITING,
        # glibc's heap keeps places that no later tensor fits into: it grew to twice of what was in
        # use. So tensors get pages of their own, large ones: small pages cost a fifth of a step
        # (other allocators ignore this).
        "MALLOC_MMAP_THRESHOLD_": str(1 << 22),
        "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
        "MALLOC_TOP_PAD_": str(1 << 26),
        "GLIBC_TUNABLES": ":".join(filter(None, (os.environ.get("GLIBC_TUNABLES"), _LARGE_PAGES))),
        "PYTHONUNBUFFERED": "1",
    }


def _fetch(folder: Path, destination: Path, device_seconds: float) -> JobResult:
    adapter = folder / ADAPTER_FOLDER
    try:
        result = read_result(folder, destination)
        files = list(adapter.iterdir())
        if not files:
            raise ValueError("no adapter")
        for file in files:
            if file.is_symlink() or not file.is_file():
                raise ValueError(f"{file.name} is not a regular file")
            shutil.move(file, destination / file.name)
    except (OSError, ValueError) as error:
        reason = f"the training process left no usable result: {error}"
        raise TrainingFailedError(reason, device_seconds) from error
    usage = {**result.usage, "device_seconds": round(device_seconds, 2)}
    return replace(result, usage=usage)
