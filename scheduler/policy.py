"""Who is due for training, and who goes first. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from feedback.text.counts import count
from scheduler.records import PolicyConfig, RunStatus

FAILED_COOLDOWN_FACTOR = 6

_WITHDRAWN = "feedback that the version in use had learned from was deleted or changed"


@dataclass(frozen=True, slots=True)
class Candidate:
    """The facts that decide whether one user is due.

    `new_feedback` counts the feedback since the last run with a verdict, `since_rollback` that
    since the rollback; None without a rollback since that run. `has_withdrawal` says whether the
    version in use was withdrawn since. `last_run_at` is the end of the last run of any kind.
    `runs_today` counts the scheduled runs of the last 24 hours.
    """

    user_id: str
    new_feedback: int
    since_rollback: int | None
    has_withdrawal: bool
    last_run_at: float | None
    last_run_status: RunStatus | None
    runs_today: int
    is_frozen: bool
    has_open_run: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a user is due, and why."""

    due: bool
    reason: str


def is_due(candidate: Candidate, config: PolicyConfig, now: float) -> Decision:
    """Decide whether a user's adapter should be trained now."""
    if candidate.is_frozen:
        return Decision(False, "the adapter is frozen")
    if candidate.has_open_run:
        return Decision(False, "a run is already open")
    feedback = count(candidate.new_feedback, "new feedback item")
    news = _WITHDRAWN if candidate.has_withdrawal else feedback
    if not candidate.has_withdrawal and (lacking := _lacking(candidate, config)):
        return Decision(False, f"{feedback}{lacking}")
    wait = _cooldown_left(candidate, config, now)
    if wait > 0:
        failed = " after a failure" if candidate.last_run_status is RunStatus.FAILED else ""
        return Decision(False, f"{news}; the next run waits {_duration(wait)}{failed}")
    if candidate.runs_today >= config.daily_runs:
        return Decision(False, f"{news}; {count(candidate.runs_today, 'run')} in 24 hours")
    return Decision(True, news)


def needed_feedback(config: PolicyConfig) -> int:
    """How many new items a user who is due has at least, without a withdrawal."""
    return max(1, config.min_new_feedback)


def order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Sort users by their last run: the longest waiting comes first."""
    return sorted(candidates, key=_place_in_line)


def _place_in_line(candidate: Candidate) -> tuple[bool, float, str]:
    return candidate.last_run_at is not None, candidate.last_run_at or 0.0, candidate.user_id


def _lacking(candidate: Candidate, config: PolicyConfig) -> str | None:
    """How the new feedback is too little, to go on in a sentence; None if it is enough."""
    needed = needed_feedback(config)
    if candidate.new_feedback < needed:
        return f"; training starts at {config.min_new_feedback}"
    # Nearly the same feedback would make nearly the same bad version again.
    if candidate.since_rollback is not None and candidate.since_rollback < needed:
        since = f"{candidate.since_rollback} of them since the rollback"
        return f", {since}; training starts at {needed} since then"
    return None


def _cooldown_left(candidate: Candidate, config: PolicyConfig, now: float) -> float:
    failed = candidate.last_run_status is RunStatus.FAILED
    # The base answers after a withdrawal, so only a failure is a reason to wait.
    if candidate.last_run_at is None or (candidate.has_withdrawal and not failed):
        return 0.0
    cooldown = config.cooldown * (FAILED_COOLDOWN_FACTOR if failed else 1)
    elapsed = now - candidate.last_run_at
    # A last run in the future means that the clock was set back: do not wait for it.
    return cooldown - elapsed if 0 <= elapsed < cooldown else 0.0


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"
