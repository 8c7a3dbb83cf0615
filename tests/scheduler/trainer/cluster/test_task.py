"""What a node does with a job, without Ray: with a trainer that trains nothing."""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedback.examples.dataset import write
from feedback.records import Dataset
from scheduler.errors import TrainingCancelledError, TrainingFailedError
from scheduler.records import Progress, RayConfig
from scheduler.trainer.cluster import task
from scheduler.trainer.cluster.job_files import job_files
from scheduler.trainer.cluster.task import train_files
from scheduler.trainer.job import DATASET_FILE, JobResult, TrainingJob, write_job
from tests.scheduler.builders import make_dataset, make_job
from tests.scheduler.evaluations import GOOD
from tests.waiting import wait_until


class Trainer:
    """Takes the place of `ProcessTrainer` on the node."""

    meanwhile: Callable[[Callable[[], bool]], None] = staticmethod(lambda is_cancelled: None)

    def __init__(
        self, jobs: Path, is_busy: Callable[[], bool], timeout: float, *, is_nice: bool
    ) -> None:
        self._timeout = timeout

    def run(
        self,
        job: TrainingJob,
        dataset: Dataset,
        *,
        destination: Path,
        on_progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> JobResult:
        on_progress(Progress("fitting", 0.5, 1, 2, 1.5))
        self.meanwhile(is_cancelled)
        (destination / "adapter_model.safetensors").write_bytes(b"weights")
        usage = {"examples": len(dataset.examples), "timeout": self._timeout}
        return JobResult(destination, GOOD, usage, ("layers.0",))


@pytest.fixture(autouse=True)
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the node's temporary files."""
    node = tmp_path / "node"
    node.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(node))
    monkeypatch.setattr(task, "ProcessTrainer", Trainer)
    return node


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    base = tmp_path / "snapshots" / "revision"
    base.mkdir(parents=True)
    folder = tmp_path / "server"
    folder.mkdir()
    write_job(folder, make_job("tiny", base))
    write(make_dataset(), folder / DATASET_FILE)
    return job_files(folder)


def during_the_fit(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[Callable[[], bool]], None]
) -> None:
    monkeypatch.setattr(Trainer, "meanwhile", staticmethod(act))


def messages(files: dict[str, bytes]) -> list[dict[str, Any]]:
    return [*train_files(files, RayConfig(), 60.0)]


def test_a_task_begins_reports_and_ends_with_the_files(files: dict[str, bytes]) -> None:
    begun, finding, fitting, end = messages(files)
    assert begun == {"begun": True}
    assert finding["progress"]["phase"] == "finding the model"
    progress = {"phase": "fitting", "fraction": 0.5, "step": 1, "steps": 2, "loss": 1.5}
    assert fitting == {"progress": progress}
    assert end["files"]["adapter_model.safetensors"] == b"weights"
    assert b'"examples": 1, "timeout": 60.0' in end["files"]["result.json"]


def test_a_task_removes_its_files(files: dict[str, bytes], node: Path) -> None:
    messages(files)
    assert [*node.iterdir()] == []


def test_a_failed_fit_ends_with_its_reason(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(is_cancelled: Callable[[], bool]) -> None:
        raise TrainingFailedError("the training process was killed")

    during_the_fit(monkeypatch, fail)
    assert messages(files)[-1] == {"failed": "the training process was killed"}


def test_an_unexpected_error_is_said_and_not_raised(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(is_cancelled: Callable[[], bool]) -> None:
        raise OSError("no space left")

    during_the_fit(monkeypatch, fail)
    assert messages(files)[-1] == {"failed": "the node failed: OSError: no space left"}


def test_files_that_are_no_job_are_a_failure() -> None:
    [reason] = [each["failed"] for each in messages({}) if "failed" in each]
    assert reason.startswith("the node failed: FileNotFoundError: ")


def test_a_node_without_the_base_is_named(files: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "snapshots" / "revision").rmdir()
    assert "cannot train: the base model tiny is not on this" in messages(files)[-1]["failed"]


def test_an_interrupted_task_ends_the_fit_and_removes_its_files(
    files: dict[str, bytes], node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_ended = threading.Event()

    def wait_for_the_end(is_cancelled: Callable[[], bool]) -> None:
        wait_until(is_cancelled)
        has_ended.set()
        raise TrainingCancelledError("the run was cancelled")

    during_the_fit(monkeypatch, wait_for_the_end)
    stream = train_files(files, RayConfig(), 60.0)
    while "fitting" not in str(next(stream)):
        pass
    assert [*node.iterdir()] != []
    with pytest.raises(KeyboardInterrupt):
        stream.throw(KeyboardInterrupt())
    assert has_ended.is_set()
    assert [*node.iterdir()] == []
