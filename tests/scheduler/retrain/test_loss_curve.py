"""The losses of a fit, as the report keeps them."""

from scheduler.records import LossPhase, Progress
from scheduler.retrain.loss_curve import MAX_POINTS, LossCurve
from scheduler.version_report import VersionReport, read_report


def progress(phase: str, step: int, loss: float | None) -> Progress:
    return Progress(phase, 0.5, step, 10, loss)


def test_each_phase_has_its_own_points() -> None:
    curve = LossCurve()
    for phase, step, loss in (("fitting", 0, None), ("fitting", 1, 2.0), ("adding", 1, 1.0)):
        curve.add(progress(phase, step, loss))
    assert curve.phases() == (LossPhase("fitting", ((1, 2.0),)), LossPhase("adding", ((1, 1.0),)))


def test_a_long_fit_keeps_few_points_and_the_last_of_each_phase() -> None:
    curve = LossCurve()
    for phase in ("fitting", "adding"):
        for step in range(1, 1001):
            curve.add(progress(phase, step, 1 / step))
    phases = curve.phases()
    assert 100 < sum(len(each.points) for each in phases) <= MAX_POINTS
    assert [each.points[-1] for each in phases] == [(1000, 0.001)] * 2


def test_a_fit_of_many_phases_keeps_the_last_ones() -> None:
    curve = LossCurve()
    for number in range(1000):
        curve.add(progress(f"round {number}", 1, 1.0))
    phases = curve.phases()
    assert len(phases) == 20
    assert phases[-1].phase == "round 999"


def test_a_report_keeps_the_curve() -> None:
    report = VersionReport(curve=(LossPhase("fitting", ((1, 2.0), (2, 1.5))),))
    assert read_report(report.to_json()) == report
