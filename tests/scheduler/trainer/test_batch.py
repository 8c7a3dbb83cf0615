"""The jobs of several users in one process, on the tiny model."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from adapters_store.files import WEIGHTS_FILE
from feedback.examples.dataset import build_dataset
from feedback.records import TrainingExample
from scheduler.records import TrainingConfig
from scheduler.trainer.batch import Batch, work_jobs
from scheduler.trainer.job import ADAPTER_FOLDER, TrainingJob, read_job, read_result
from scheduler.trainer.parent_pipe import ParentPipe
from scheduler.trainer.train import set_up
from tests.scheduler.trainer.jobs import EXAMPLES, run, tiny_job, torch_as_before, write_files
from tests.scheduler.training import make_rating

RATINGS = [make_rating(f"question {i}", "an answer", is_liked=i < 2) for i in range(5)]


@pytest.fixture
def job(tiny_model_folder: Path) -> TrainingJob:
    return replace(tiny_job(tiny_model_folder), dtype="float32")


class Jobs:
    """A batch of two users at most, and the files of its jobs."""

    def __init__(self, job: TrainingJob, root: Path) -> None:
        self.batch = Batch(set_up(job, num_users=2))
        self._job = job
        self._root = root

    def add(self, user: str, examples: Sequence[TrainingExample], **changes: Any) -> Path:
        folder = self._root / user
        write_files(replace(self._job, **changes), build_dataset("ann", examples), folder)
        self.batch.add(folder, read_job(folder))
        return folder

    def work(self, steps: int = 1000) -> None:
        while self.batch.jobs and steps:
            self.batch.step()
            steps -= 1


@pytest.fixture
def jobs(job: TrainingJob, tmp_path: Path) -> Iterator[Jobs]:
    with torch_as_before():
        yield Jobs(job, tmp_path / "jobs")


def assert_as_alone(
    folder: Path, job: TrainingJob, examples: Sequence[TrainingExample], root: Path
) -> None:
    """Compare a job's measurements and what its adapter adds with those of a job alone."""
    wanted, _ = run(job, build_dataset("ann", examples), root / "alone" / folder.name)
    found = read_result(folder, folder / ADAPTER_FOLDER)
    for name in ("train_loss_after", "held_out_loss", "reference_kl", "steps", "added_loss"):
        value = getattr(wanted.evaluation, name)
        assert getattr(found.evaluation, name) == pytest.approx(value, rel=0.02, abs=1e-5), name
    own, other = (load_file(each.adapter / WEIGHTS_FILE) for each in (found, wanted))
    for name in own:
        if "lora_A" in name:
            second = name.replace("lora_A", "lora_B")
            one, two = ((each[second] @ each[name]).float() for each in (own, other))
            torch.testing.assert_close(one, two, rtol=0.05, atol=2e-3)


def messages(output: str) -> dict[str, set[str]]:
    """Who was said to be done, and who to have failed."""
    found: dict[str, set[str]] = {"done": set(), "failed": set()}
    for message in map(json.loads, output.splitlines()):
        for kind in found.keys() & message.keys():
            found[kind].add(message["job"])
    return found


def test_each_user_gets_the_adapter_of_a_job_alone(
    jobs: Jobs, job: TrainingJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ann = jobs.add("ann", EXAMPLES)
    bob = jobs.add("bob", RATINGS, training=TrainingConfig(dpo_learning_rate=3e-3, max_steps=3))
    jobs.work()
    assert messages(capsys.readouterr().out) == {"done": {"ann", "bob"}, "failed": set()}
    assert_as_alone(ann, job, EXAMPLES, tmp_path)
    own = replace(job, training=TrainingConfig(dpo_learning_rate=3e-3, max_steps=3))
    assert_as_alone(bob, own, RATINGS, tmp_path)


def test_a_failed_job_leaves_the_other(
    jobs: Jobs, job: TrainingJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs.add("bob", EXAMPLES, training=TrainingConfig(max_tokens=3))
    ann = jobs.add("ann", EXAMPLES)
    jobs.work()
    output = capsys.readouterr().out
    assert messages(output) == {"done": {"ann"}, "failed": {"bob"}}
    assert "no example is shorter than 3 tokens" in output
    assert_as_alone(ann, job, EXAMPLES, tmp_path)


def test_a_job_takes_the_place_of_a_cancelled_one_while_the_other_goes_on(
    jobs: Jobs, job: TrainingJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ann, bob = jobs.add("ann", EXAMPLES), jobs.add("bob", RATINGS)
    jobs.work(steps=3)
    assert not jobs.batch.has_room
    shutil.rmtree(bob)
    jobs.work(steps=1)
    assert jobs.batch.has_room
    cleo = jobs.add("cleo", EXAMPLES[:2])
    jobs.work()
    assert messages(capsys.readouterr().out)["done"] == {"ann", "cleo"}
    assert not bob.exists()
    assert_as_alone(ann, job, EXAMPLES, tmp_path)
    assert read_result(cleo, cleo / ADAPTER_FOLDER).evaluation.steps > 0


class Parent(ParentPipe):
    """Names some folders, then ends."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [*folders]

    @property
    def has_job(self) -> bool:
        return bool(self._folders)

    def job_folder(self) -> Path:
        if not self._folders:
            raise EOFError
        return self._folders.pop(0)


def test_a_job_that_was_cancelled_before_it_was_read_is_passed_over(
    job: TrainingJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(job, build_dataset("ann", EXAMPLES[:2]), tmp_path / "ann")
    parent = Parent([tmp_path / "gone", tmp_path / "ann", tmp_path / "gone, too"])
    with torch_as_before(), pytest.raises(EOFError):
        work_jobs(parent, num_users=2)
    assert messages(capsys.readouterr().out) == {"done": {"ann"}, "failed": set()}
