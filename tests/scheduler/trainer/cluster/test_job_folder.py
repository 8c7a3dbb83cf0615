"""The folder of a job on a node."""

import tempfile
from pathlib import Path

import pytest

from scheduler.trainer.cluster.job_folder import job_folder


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_private_and_goes_with_its_job(root: Path) -> None:
    with job_folder() as folder:
        (folder / "dataset.jsonl").write_text("private")
        assert folder.stat().st_mode & 0o777 == 0o700
    assert [*root.iterdir()] == []


def test_a_folder_goes_with_a_job_that_fails(root: Path) -> None:
    with pytest.raises(KeyError), job_folder() as folder:
        (folder / "dataset.jsonl").write_text("private")
        raise KeyError
    assert [*root.iterdir()] == []


def test_what_a_killed_task_left_is_removed_before_the_next_job(root: Path) -> None:
    left = root / "loralei-job-1"
    left.mkdir()
    (left / "dataset.jsonl").write_text("private")
    with job_folder():
        assert not left.exists()


def test_the_folder_of_another_job_stays(root: Path) -> None:
    with job_folder() as one, job_folder() as other:
        assert one.is_dir()
        assert other.is_dir()
