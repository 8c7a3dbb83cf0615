"""Collects the losses of a fit as they come, for the report. Pure."""

from scheduler.records import LossPhase, Progress

MAX_POINTS = 200
MAX_PHASES = 20


class LossCurve:
    """The losses of each phase of a fit, in the order of the steps."""

    def __init__(self) -> None:
        self._phases: list[tuple[str, list[tuple[int, float]]]] = []

    def add(self, progress: Progress) -> None:
        """Note a step; progress without a loss is no step."""
        if progress.loss is None:
            return
        if not self._phases or self._phases[-1][0] != progress.phase:
            self._phases.append((progress.phase, []))
        self._phases[-1][1].append((progress.step, round(progress.loss, 4)))

    def phases(self) -> tuple[LossPhase, ...]:
        """The last phases, with at most `MAX_POINTS` points together: every n-th, and the last."""
        phases = self._phases[-MAX_PHASES:]
        stride = 1
        while sum(-(-len(points) // stride) for _, points in phases) > MAX_POINTS:
            stride += 1
        return tuple(
            LossPhase(phase, tuple(points[::-1][::stride][::-1])) for phase, points in phases
        )
