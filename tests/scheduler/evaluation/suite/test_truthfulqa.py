"""Reading TruthfulQA's questions, in its file's form."""

import json
from pathlib import Path

import pytest

from scheduler.evaluation.suite.records import Question
from scheduler.evaluation.suite.truthfulness import FILE, MOST_QUESTIONS, read_questions


def write(folder: Path, rows: object) -> Path:
    (folder / FILE).write_text(json.dumps(rows), encoding="utf-8")
    return folder


def row(number: int, **targets: int) -> dict[str, object]:
    return {"question": f"Question {number}?", "mc1_targets": targets or {"No": 0, "Yes": 1}}


def test_the_right_answer_is_told_from_the_wrong_ones(tmp_path: Path) -> None:
    assert read_questions(write(tmp_path, [row(1)])) == (Question("Question 1?", "Yes", ("No",)),)


def test_a_large_file_is_sampled_always_the_same_way(tmp_path: Path) -> None:
    folder = write(tmp_path, [row(number) for number in range(300)])
    found = read_questions(folder)
    assert len(set(found)) == MOST_QUESTIONS
    assert read_questions(folder) == found


@pytest.mark.parametrize(
    "rows", [{"a": 1}, [1], [{"question": "?"}], [row(1, No=0, Never=0)], [row(1, Yes=1)]], ids=str
)
def test_a_file_with_other_contents_is_refused(tmp_path: Path, rows: object) -> None:
    with pytest.raises(ValueError):
        read_questions(write(tmp_path, rows))
