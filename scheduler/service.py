"""When training happens: asks at set times who is due, and queues their runs.

Before it asks, it has the watcher roll back what made replies worse; at night it has the regression
suite measure what is in use.

The only file that knows APScheduler. Nothing that must survive a restart lives here: the queue is
the table of runs, and who is due is computed from the stores.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from scheduler import policy
from scheduler.candidates import Candidates
from scheduler.evaluation.rollback import RollbackMonitor
from scheduler.evaluation.suite.service import SuiteService
from scheduler.policy import Candidate, Decision
from scheduler.queue_worker import QueueWorker
from scheduler.records import PolicyConfig, ScheduleConfig, TrainingRun
from scheduler.retrain.pipeline import Pipeline
from scheduler.run_store import REQUESTED, SCHEDULED, RunStore

_OURSELVES = "scheduler"

_log = logging.getLogger(__name__)


class SchedulerService:
    """Queues runs for users who are due and works them, one at a time.

    When it stops, the run that is being worked goes back to the queue and starts again with the
    server. A run that a crash cut short has failed instead, so that a run which takes the server
    down with it is not repeated. `clock` gives UTC seconds.
    """

    def __init__(
        self,
        *,
        candidates: Candidates,
        runs: RunStore,
        watcher: RollbackMonitor,
        pipeline: Pipeline,
        suite: SuiteService,
        policy_config: PolicyConfig,
        schedule: ScheduleConfig,
        clock: Callable[[], float],
    ) -> None:
        """Raises `ValueError` when the nightly cron line is not one."""
        self._candidates = candidates
        self._runs = runs
        self._watcher = watcher
        self._pipeline = pipeline
        self.suite = suite
        self._policy = policy_config
        self._watches = schedule.watch
        self._clock = clock
        # A server that trains on request only does not keep memory and a process for it.
        has_schedule = schedule.interval > 0 or bool(schedule.nightly)
        self._runner = QueueWorker(runs, pipeline, clock, prepares=has_schedule)
        self._timer = BackgroundScheduler()
        self._add_ticks(schedule)

    def start(self) -> None:
        """Clean up after a crash, and begin to watch the clock and to work the queue."""
        interrupted = self._runs.fail_interrupted(self._clock())
        if interrupted:
            _log.warning("training runs that the server's last end cut short: %d", interrupted)
        self._pipeline.sweep()
        self._runner.start()
        self.suite.start()
        self._timer.start()

    def stop(self) -> None:
        """End the training process and all threads, within a few seconds; it cannot restart.

        Raises `TimeoutError` when a run does not end.
        """
        if self._timer.running:
            self._timer.shutdown(wait=True)
        self.suite.stop()
        self._runner.stop()

    def request(self, user_id: str, by: str) -> TrainingRun:
        """Queue a run for a user, due or not; returns the open run when there is one."""
        run = self._runs.create(user_id, trigger=REQUESTED, requested_by=by, at=self._clock())
        self._runner.wake()
        return run

    def cancel(self, run_id: str) -> TrainingRun:
        """Cancel a queued run at once and a running one within moments; leaves an ended one.

        Raises `RunNotFoundError`.
        """
        return self._runs.request_cancel(run_id, self._clock())

    def erase(self, user_id: str) -> None:
        """End what is done for the user and forget the user's runs; no file of it stays.

        Erase the user's feedback before, so that no later run finds any, and the user's versions
        after. Raises `TimeoutError` when a run does not end.
        """
        self._runs.erase(user_id)
        self._runner.wait_until_done_with(user_id)
        self.suite.erase(user_id)

    def candidate(self, user_id: str) -> Candidate:
        """Return what is known of one user's case for training."""
        return self._candidates.of(user_id, self._clock())

    def due(self, user_id: str) -> Decision:
        """Decide whether a user is due now, without queueing anything."""
        return policy.is_due(self.candidate(user_id), self._policy, self._clock())

    def tick(self) -> list[TrainingRun]:
        """Queue a run for every user who is due, the longest waiting first."""
        return self._queue_due(self._policy)

    def nightly_tick(self) -> list[TrainingRun]:
        """Queue a run for every user with any new judgement; the other bounds hold.

        Versions in use that were not measured yet are then put through the evaluation suite.
        """
        runs = self._queue_due(replace(self._policy, min_new_feedback=1))
        self.suite.nightly_tick()
        return runs

    def _queue_due(self, config: PolicyConfig) -> list[TrainingRun]:
        if self._watches:
            self._watcher.look()
        now = self._clock()
        everybody = policy.order(self._candidates.all(now))
        due = [one.user_id for one in everybody if policy.is_due(one, config, now).due]
        runs = [
            self._runs.create(user_id, trigger=SCHEDULED, requested_by=_OURSELVES, at=now)
            for user_id in due
        ]
        if runs:
            self._runner.wake()
        return runs

    def _add_ticks(self, schedule: ScheduleConfig) -> None:
        # A tick that comes late must still run, and ticks that piled up count once.
        options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        if schedule.interval > 0:
            every = IntervalTrigger(seconds=schedule.interval)
            self._timer.add_job(self.tick, every, **options)
        if schedule.nightly:
            nightly = CronTrigger.from_crontab(schedule.nightly)
            self._timer.add_job(self.nightly_tick, nightly, **options)
