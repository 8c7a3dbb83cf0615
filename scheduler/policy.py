"""Who is due for training, and who goes first.

Pure: it is told the time and what is known of each user, and knows no database and no schedule.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from feedback.text.counts import count
from scheduler.records import PolicyConfig, RunStatus

FAILED_COOLDOWN_FACTOR = 6


@dataclass(frozen=True, slots=True)
class Candidate:
    """What decides whether one user is due.

    `new_feedback` were made since the last run that looked at the data and ended with a verdict,
    `since_rollback` of them after the user was rolled back; None where that was not since then.
    `last_run_at` is when the last run of any kind ended; `runs_today` counts the scheduled runs of
    the last 24 hours.
    """

    user_id: str
    new_feedback: int
    since_rollback: int | None
    last_run_at: float | None
    last_run_status: RunStatus | None
    runs_today: int
    is_frozen: bool
    has_open_run: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a user is due, and why, in words for a person."""

    due: bool
    reason: str


def is_due(candidate: Candidate, config: PolicyConfig, now: float) -> Decision:
    """Decide whether a user's adapter should be trained now."""
    if candidate.is_frozen:
        return Decision(False, "the adapter is frozen")
    if candidate.has_open_run:
        return Decision(False, "a run is already open")
    judgements = count(candidate.new_feedback, "new judgement")
    needed = max(1, config.min_new_feedback)
    if candidate.new_feedback < needed:
        return Decision(False, f"{judgements}; training starts at {config.min_new_feedback}")
    # What was learned last made replies worse, so nearly the same must not be learned at once.
    if candidate.since_rollback is not None and candidate.since_rollback < needed:
        since = f"{candidate.since_rollback} of them since the rollback"
        return Decision(False, f"{judgements}, {since}; training starts at {needed} since then")
    wait = _cooldown_left(candidate, config, now)
    if wait > 0:
        failed = " after a failure" if candidate.last_run_status is RunStatus.FAILED else ""
        return Decision(False, f"{judgements}; the next run waits {_duration(wait)}{failed}")
    if candidate.runs_today >= config.daily_runs:
        return Decision(False, f"{judgements}; {count(candidate.runs_today, 'run')} in 24 hours")
    return Decision(True, judgements)


def order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Sort users by how long ago they last had a run: whoever waited longest comes first."""
    return sorted(candidates, key=_place_in_line)


def _place_in_line(candidate: Candidate) -> tuple[bool, float, str]:
    return (
        candidate.last_run_at is not None,
        candidate.last_run_at or 0.0,
        candidate.user_id,
    )


def _cooldown_left(candidate: Candidate, config: PolicyConfig, now: float) -> float:
    if candidate.last_run_at is None:
        return 0.0
    failed = candidate.last_run_status is RunStatus.FAILED
    cooldown = config.cooldown * (FAILED_COOLDOWN_FACTOR if failed else 1)
    elapsed = now - candidate.last_run_at
    # A last run in the future means that the clock was set back: nobody waits for it to catch up.
    return cooldown - elapsed if 0 <= elapsed < cooldown else 0.0


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"
