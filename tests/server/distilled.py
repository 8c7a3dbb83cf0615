"""The report of a version that learned from demonstrations, for tests of what people see."""

from scheduler.measure import Measure
from scheduler.records import Outcome, ReplySample, TeacherChoice, TeacherKind, Verdict
from scheduler.version_report import VersionReport

_SAID = "On 12 unseen prompts it goes 70% of the way."

REPORT = VersionReport(
    teacher=TeacherChoice(TeacherKind.DEMONSTRATIONS, "4 of 5 texts are likelier."),
    verdict=Verdict(
        Outcome.PROVISIONAL,
        (_SAID,),
        (Measure("adherence", 0.7, 0.0, None, 12, 0.5, True, _SAID, 0.01),),
    ),
    samples=(ReplySample("When do you open?", "At <b>any</b> time.", "At nine.", ""),),
)
