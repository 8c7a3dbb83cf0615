"""Jobs and results as files."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from feedback.filters.records import Rejection, RejectionReason
from feedback.records import Message
from scheduler.fit.lessons import Lessons, TeacherReply
from scheduler.trainer.job import read_job, read_result, write_job, write_result
from tests.scheduler.builders import make_job
from tests.scheduler.evaluations import good, without_held_out


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    job = make_job("tiny", tmp_path)
    write_job(tmp_path, job)
    assert read_job(tmp_path) == job


def test_lessons_are_read_with_their_job(tmp_path: Path) -> None:
    question = (Message("user", "Why?"),)
    reply = TeacherReply(question, question, (), "So.", (5,), (((5, -0.1),),))
    job = replace(make_job("tiny", tmp_path), lessons=Lessons((reply,), ()))
    write_job(tmp_path, job)
    assert read_job(tmp_path) == job


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"lora": {"targets": []}}'])
def test_a_file_that_is_not_a_job_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(ValueError):
        read_job(tmp_path)


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    rejections = {
        "an id": Rejection(RejectionReason.MISMATCH, "It is odd."),
        "two": Rejection(RejectionReason.MISMATCH, "So."),
    }
    write_result(tmp_path, without_held_out(), {"device": "cpu"}, ("model.layers.0",), rejections)
    result = read_result(tmp_path, tmp_path / "adapter")
    assert result.evaluation == without_held_out()
    assert result.usage == {"device": "cpu"}
    assert result.lora_targets == ("model.layers.0",)
    assert result.adapter == tmp_path / "adapter"
    assert result.rejections == rejections


def test_a_diverged_result_is_read_with_its_nan(tmp_path: Path) -> None:
    write_result(tmp_path, good(train_loss_after=math.nan), {}, ())
    assert math.isnan(read_result(tmp_path, tmp_path).evaluation.train_loss_after)


@pytest.mark.parametrize("text", ["", "[]", '{"evaluation": {}}'])
def test_a_file_that_is_not_a_result_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(ValueError):
        read_result(tmp_path, tmp_path)
