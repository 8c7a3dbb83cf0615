"""At set times: rolls back versions that got worse, queues training runs for users who are due,
and, at night, measures the versions in use.

It keeps no state over a restart: the queue is a table.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from feedback.records import ORGANISATION
from scheduler import policy
from scheduler.candidates import Candidates
from scheduler.evaluation.rollback import RollbackMonitor
from scheduler.evaluation.suite.service import SuiteService
from scheduler.policy import Candidate, Decision
from scheduler.records import PolicyConfig, ScheduleConfig, TrainingRun
from scheduler.retrain.pipeline import Pipeline
from scheduler.run_store import REQUESTED, RunStore
from scheduler.timer import Timer
from scheduler.training_worker import TrainingWorker

_ACTOR = "scheduler"

_log = logging.getLogger(__name__)


class SchedulerService:
    """Queues runs for users who are due and works `parallel_runs` at a time.

    `clock` gives UTC seconds.
    """

    def __init__(
        self,
        *,
        candidates: Candidates,
        runs: RunStore,
        rollback_monitor: RollbackMonitor,
        pipeline: Pipeline,
        suite: SuiteService,
        policy_config: PolicyConfig,
        schedule: ScheduleConfig,
        clock: Callable[[], float],
        parallel_runs: int = 1,
        has_organisation: bool = False,
    ) -> None:
        """Raises `ValueError` if the nightly cron line is invalid."""
        self._candidates = candidates
        self._runs = runs
        self._monitor = rollback_monitor
        self._pipeline = pipeline
        self.suite = suite
        self._policy = policy_config
        self._has_watch = schedule.watch
        self._clock = clock
        self._has_organisation = has_organisation
        # Without a schedule no memory and no process are held for the next run.
        has_schedule = schedule.interval > 0 or bool(schedule.nightly)
        self._worker = TrainingWorker(
            runs, pipeline, clock, prepares=has_schedule, parallel_runs=parallel_runs
        )
        self._timer = Timer(clock)
        if schedule.interval > 0:
            self._timer.every(schedule.interval, self.tick)
        if schedule.nightly:
            self._timer.at(schedule.nightly, self.nightly_tick)

    def start(self) -> None:
        """Clean up after a crash, and start all threads."""
        self._pipeline.sweep()
        self._worker.start()
        self.suite.start()
        self._timer.start()

    def stop(self) -> None:
        """End all threads and the training process. Raises `TimeoutError` if one hangs."""
        self._timer.stop()
        self.suite.stop()
        self._worker.stop()

    def request(self, user_id: str, by: str) -> TrainingRun:
        """Queue a run for a user, due or not, or return the user's open run."""
        run = self._runs.create(user_id, trigger=REQUESTED, requested_by=by, at=self._clock())
        self._worker.wake()
        return run

    def cancel(self, run_id: str) -> TrainingRun:
        """Cancel a run; an ended one stays as it is. Raises `RunNotFoundError`."""
        return self._runs.request_cancel(run_id, self._clock())

    def erase(self, user_id: str) -> None:
        """Remove the user's runs, with their files; end an open one first.

        Erase the user's feedback before this, and the versions after it. Raises `TimeoutError` if a
        run does not end.
        """
        self._worker.erase(user_id)
        self.suite.erase(user_id)

    def candidate(self, user_id: str) -> Candidate:
        """Return the facts that decide whether a user is due."""
        return self._candidates.of(user_id, self._clock())

    def due(self, user_id: str) -> Decision:
        """Decide whether a user is due now; queues nothing."""
        return policy.is_due(self.candidate(user_id), self._policy, self._clock())

    def tick(self) -> list[TrainingRun]:
        """Queue a run for every user who is due, the longest waiting first."""
        return self._queue_due(self._policy)

    def nightly_tick(self) -> list[TrainingRun]:
        """Queue a run for every user with new feedback, and for the organisation, within the other
        bounds, and the suite for every version in use that was not measured yet."""
        runs = self._queue_due(replace(self._policy, min_new_feedback=1), is_night=True)
        self.suite.nightly_tick()
        return runs

    def _queue_due(self, config: PolicyConfig, *, is_night: bool = False) -> list[TrainingRun]:
        if self._has_watch:
            self._monitor.look()
        now = self._clock()
        candidates = self._candidates.with_new_feedback(policy.needed_feedback(config), now)
        line = policy.order(candidates)
        due = [
            one.user_id
            for one in line
            if policy.is_due(one, config, now).due and self._is_time_of(one, is_night)
        ]
        runs = self._runs.schedule(due, by=_ACTOR, at=now)
        if runs:
            self._worker.wake()
        return runs

    def _is_time_of(self, candidate: Candidate, is_night: bool) -> bool:
        """Whether it may train now: the organisation at night, or at once after a withdrawal."""
        if candidate.user_id != ORGANISATION:
            return True
        return self._has_organisation and (is_night or candidate.has_withdrawal)
