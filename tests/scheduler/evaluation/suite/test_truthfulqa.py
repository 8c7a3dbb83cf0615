"""Reading the questions of TruthfulQA's file."""

import json
from pathlib import Path

import pytest

from scheduler.evaluation.suite.records import Question
from scheduler.evaluation.suite.truthfulness import FILE, MOST_QUESTIONS, read_questions


def write(folder: Path, entries: object) -> Path:
    (folder / FILE).write_text(json.dumps(entries), encoding="utf-8")
    return folder


def entry(number: int, **targets: int) -> dict[str, object]:
    return {"question": f"Question {number}?", "mc1_targets": targets or {"No": 0, "Yes": 1}}


def test_the_right_answer_is_separated_from_the_wrong_ones(tmp_path: Path) -> None:
    assert read_questions(write(tmp_path, [entry(1)])) == (Question("Question 1?", "Yes", ("No",)),)


def test_the_sample_of_a_large_file_is_fixed(tmp_path: Path) -> None:
    folder = write(tmp_path, [entry(number) for number in range(300)])
    found = read_questions(folder)
    assert len(set(found)) == MOST_QUESTIONS
    assert read_questions(folder) == found


@pytest.mark.parametrize(
    "entries",
    [{"a": 1}, [1], [{"question": "?"}], [entry(1, No=0, Never=0)], [entry(1, Yes=1)]],
    ids=str,
)
def test_a_file_of_another_format_is_refused(tmp_path: Path, entries: object) -> None:
    with pytest.raises(ValueError):
        read_questions(write(tmp_path, entries))
