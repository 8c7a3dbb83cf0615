"""Runs training jobs in child processes that pause while people chat."""

import math
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters_store.weights.openmp import WAITING
from feedback.examples.dataset import write as write_dataset
from feedback.records import Dataset
from scheduler.errors import TrainingCancelledError, TrainingEndedError, TrainingFailedError
from scheduler.records import Progress
from scheduler.trainer.job import (
    ADAPTER_FOLDER,
    DATASET_FILE,
    JobResult,
    TrainingJob,
    read_result,
    write_job,
)
from scheduler.trainer.pauses import Pauses
from scheduler.trainer.process import ChildProcess

_POLL = 0.02  # seconds; a chat request shares the processor with training for no longer
_EXIT_GRACE = 1.0
_LARGE_PAGES = "glibc.malloc.hugetlb=1"


class ProcessTrainer:
    """Trains each job in a child process.

    The child is `python -m module` with `arguments`, and reads the job's folder from standard
    input. It is stopped while `is_busy()`, except for the turns of `Pauses`; `timeout` (seconds)
    and the usage's `device_seconds` leave that time out. If it `is_nice`, its priority is lower. If
    its job ends early, it has `cancel_grace` seconds before it is killed. The folder `jobs` is this
    object's alone: it holds the user's text while a job runs. One thread must prepare, run and
    close: the child dies with the thread that started it. Without `prepare`, several threads may
    run jobs.
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
    ) -> None:
        self._jobs = jobs
        self._is_busy = is_busy
        self._timeout = timeout
        self._module = module
        self._arguments = arguments
        self._cancel_grace = cancel_grace
        self._is_nice = is_nice
        self._prepared: ChildProcess | None = None

    def prepare(self) -> None:
        """Start the next job's child, unless one waits: importing PyTorch takes seconds."""
        if self._prepared is None:
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

        When this returns or raises, the child has ended and the job's files are removed. Raises
        `TrainingFailedError`, with a reason for users, and `TrainingCancelledError`.
        """
        folder = self._jobs / secrets.token_hex(16)
        folder.mkdir(mode=0o700, parents=True)
        try:
            write_job(folder, job)
            write_dataset(dataset, folder / DATASET_FILE)
            with self._child() as child:
                child.send(str(folder.resolve()))
                try:
                    device_seconds = self._watch(child, on_progress, is_cancelled)
                except TrainingEndedError:
                    child.wait(self._cancel_grace)
                    raise
                child.wait(_EXIT_GRACE)
            return _fetch(folder, destination, device_seconds)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> int:
        """Remove the job folders that a crash left behind; return how many. No job may run."""
        leftovers = list(self._jobs.iterdir()) if self._jobs.is_dir() else []
        for leftover in leftovers:
            shutil.rmtree(leftover, ignore_errors=True)
        return len(leftovers)

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

    def _watch(
        self,
        child: ChildProcess,
        on_progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> float:
        """Wait until the child is done; return for how many seconds it was not paused."""
        worked, last, pauses = 0.0, time.monotonic(), Pauses()
        while True:
            has_ended = child.has_ended
            messages = child.messages(0.0 if has_ended else _POLL)
            now = time.monotonic()
            passed, last, has_worked = now - last, now, not child.is_paused
            worked += passed if has_worked else 0.0
            for message in messages:
                if message.get("done") is True:
                    return worked
                if message.get("begun") is True:
                    worked = 0.0  # it waited for a device
                if isinstance(message.get("failed"), str):
                    raise TrainingFailedError(message["failed"], worked)
                if isinstance(message.get("progress"), dict):
                    on_progress(_progress(message["progress"]))
            if is_cancelled():
                raise TrainingCancelledError("the run was cancelled", worked)
            if has_ended and not messages:
                raise TrainingFailedError(child.exit_reason(), worked)
            if worked > self._timeout:
                reason = f"training took longer than {self._timeout:g} seconds"
                raise TrainingFailedError(reason, worked)
            is_busy = self._is_busy()
            child.set_paused(pauses.must_pause(passed, has_worked=has_worked, is_busy=is_busy))


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


def _progress(row: Mapping[str, Any]) -> Progress:
    return Progress(
        phase=str(row.get("phase", "training"))[:40],
        fraction=min(1.0, max(0.0, _number(row.get("fraction")) or 0.0)),
        step=int(_number(row.get("step")) or 0),
        steps=int(_number(row.get("steps")) or 0),
        loss=_number(row.get("loss")),
    )


def _number(value: object) -> float | None:
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None


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
