"""Replies of the base, of memory and of a version side by side, for the version's user."""

from collections.abc import Iterable
from dataclasses import asdict

from feedback.examples.build import build_examples
from feedback.records import Feedback, Interaction
from scheduler.records import TeacherKind
from scheduler.version_report import VersionReport
from server.wire.responses import Json


def samples_json(
    report: VersionReport,
    learned: frozenset[str],
    turns: Iterable[Interaction],
    feedback: Iterable[Feedback],
) -> list[Json]:
    """The samples of a version that `learned` examples, each with what the user `wanted` there.

    Once any of the words that a teacher was shown are withdrawn, there are none.
    """
    if not report.samples:
        return []
    wanted = {each.id: each.chosen for each in build_examples(turns, feedback)}
    teacher = report.teacher.kind if report.teacher else TeacherKind.RULES
    if teacher is TeacherKind.DEMONSTRATIONS and not learned <= wanted.keys():
        return []
    return [
        {**asdict(each), "wanted": wanted.get(each.example_id or "")}
        for each in report.samples
        if each.example_id is None or each.example_id in wanted
    ]
