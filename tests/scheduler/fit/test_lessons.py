"""Lessons as a file."""

from pathlib import Path

import pytest

from feedback.records import Message
from scheduler.fit.lessons import Lessons, TeacherReply, read_lessons, write_lessons

REPLY = TeacherReply(
    messages=(Message("user", "Why?\n\u2028"),),
    shown=(Message("system", "Be kind."), Message("user", "Why?\n\u2028")),
    later=(Message("user", "Well?"), Message("assistant", "Well."), Message("user", "Why?")),
    text="So.",
    ids=(5, 7),
    top=(((5, -0.1), (6, -2.5)), ((7, -1e-9), (8, -30.0))),
)


def test_lessons_are_read_as_they_were_written(tmp_path: Path) -> None:
    lessons = Lessons((REPLY, REPLY), (REPLY,))
    write_lessons(lessons, tmp_path / "lessons")
    assert read_lessons(tmp_path / "lessons") == lessons


@pytest.mark.parametrize("text", ["", "[]", "[1]\n[]", "{\n}", "[[[], [], 1, 2]]\n[]"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "lessons").write_text(text)
    with pytest.raises(ValueError, match="holds no replies of a teacher"):
        read_lessons(tmp_path / "lessons")
