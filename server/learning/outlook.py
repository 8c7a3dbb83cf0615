"""When a user's next training starts, and how long the open one still takes."""

from adapters_store.registry import Registry
from scheduler.policy import is_due, needed_feedback
from scheduler.records import RunStatus, TrainingRun
from server.services import Services
from server.wire.responses import Json, label

_MIN_FRACTION = 0.05
"""Below this, the time that has passed says nothing of the time that is left."""


def next_training_json(
    services: Services, user_id: str, run: TrainingRun | None, now: float
) -> Json:
    """How much new feedback there is and how much a training needs, and when the open run ends.

    `automatic` is whether trainings start by themselves.
    """
    policy = services.settings.policy
    candidate = services.candidates.of(user_id, now)
    due = is_due(candidate, policy, now)
    is_open = run is not None and not run.status.is_final
    last = services.stores.runs.last_run(user_id)
    return {
        "new_feedback": candidate.new_feedback,
        "needed": needed_feedback(policy),
        "automatic": services.settings.schedule.interval > 0,
        "due": due.due,
        "reason": due.reason,
        "runs_ahead": services.stores.runs.num_ahead(run.id) if run and is_open else 0,
        "seconds_left": seconds_left(run, last, now) if run and is_open else None,
    }


def seconds_left(run: TrainingRun, last: TrainingRun | None, now: float) -> int | None:
    """How many seconds a running training still takes, from its progress and the last one's length.

    None if nothing is known. The further it is, the more its own progress counts.
    """
    if run.started_at is None:
        return None
    elapsed, fraction = max(0.0, now - run.started_at), run.progress.fraction
    own = elapsed / fraction if fraction >= _MIN_FRACTION else None
    earlier = _length(last)
    if own is None and earlier is None:
        return None
    if own is None or earlier is None:
        total = own or earlier or 0.0
    else:
        total = fraction * own + (1 - fraction) * earlier
    return max(0, round(total - elapsed))


def versions_json(registry: Registry, user_id: str, base_revision: str | None) -> list[Json]:
    """The user's versions that may answer, newest first; of this base only, if it is known."""
    return [
        {"version": label(number), "created_at": created_at}
        for number, created_at, revision in registry.servable_versions(user_id)
        if base_revision in (None, revision)
    ]


def _length(run: TrainingRun | None) -> float | None:
    if run is None or run.status not in (RunStatus.PROMOTED, RunStatus.REFUSED):
        return None
    if run.started_at is None or run.finished_at is None:
        return None
    return max(0.0, run.finished_at - run.started_at)
