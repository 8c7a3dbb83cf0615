"""Works the queue of the evaluation suite, and rolls back what it refuses."""

import logging
from collections.abc import Callable

from adapters_store.errors import AdapterConflictError, AdapterNotFoundError
from adapters_store.records import AdapterVersion, LoraConfig
from adapters_store.registry import Registry
from scheduler.errors import TrainingFailedError
from scheduler.evaluation.suite.records import SuiteRun, SuiteStatus
from scheduler.evaluation.suite.run_store import SuiteRunStore
from scheduler.evaluation.suite.suite import Suite, decide
from scheduler.queues.worker import QueueWorker
from scheduler.records import Progress
from scheduler.run_store import REQUESTED, SCHEDULED, RunStore
from scheduler.version_report import report_of

_ACTOR = "suite"
"""Recorded as the user who asked for a nightly run or rolled back."""

_TRAINING_POLL = 0.5

_log = logging.getLogger(__name__)


class SuiteService(QueueWorker[SuiteRun]):
    """Measures versions, one at a time; trainings come first.

    A refused version in use is rolled back, unless it is frozen. Only versions with this
    `base_revision` and `lora` are measured.
    """

    def __init__(
        self,
        *,
        suite: Suite,
        store: SuiteRunStore,
        registry: Registry,
        trainings: RunStore,
        base_revision: str,
        lora: LoraConfig,
        is_nightly: bool,
        clock: Callable[[], float],
    ) -> None:
        super().__init__("suite", store, clock)
        self._suite = suite
        self._store = store
        self._registry = registry
        self._trainings = trainings
        self._base_revision = base_revision
        self._lora = lora
        self._is_nightly = is_nightly

    def request(self, version: AdapterVersion, by: str, trigger: str = REQUESTED) -> SuiteRun:
        """Queue a run for a version of this base, or return its open run."""
        run = self._store.create(
            version.user_id,
            version.number,
            base_revision=version.base_revision,
            trigger=trigger,
            requested_by=by,
            at=self._clock(),
        )
        self.wake()
        return run

    def nightly_tick(self) -> list[SuiteRun]:
        """Queue a run for every version in use without a verdict on this base."""
        if not self._is_nightly:
            return []
        base = self._base_revision
        unjudged = sorted(self._registry.in_use(base) - self._store.judged(base))
        versions = filter(None, (self._registry.active(user_id) for user_id, _ in unjudged))
        return [
            self.request(version, by=_ACTOR, trigger=SCHEDULED)
            for version in versions
            if self._fits(version)
        ]

    def _fits(self, version: AdapterVersion) -> bool:
        return (version.base_revision, version.lora) == (self._base_revision, self._lora)

    def _run(self, run: SuiteRun) -> None:
        try:
            self._measure(run)
        except (TrainingFailedError, AdapterNotFoundError) as error:
            self._fail(run, str(error))

    def _measure(self, run: SuiteRun) -> None:
        self._let_trainings_pass(run)
        version = self._registry.servable(run.user_id, run.version)
        if not self._fits(version):
            return self._fail(run, f"{version.label} was made for another base model")
        if run.trigger == SCHEDULED and not self._is_in_use(version):
            return self._fail(run, f"{version.label} is no longer in use")

        def record(progress: Progress) -> None:
            self._store.progress(run.id, progress)

        measures = self._suite.run(
            version,
            report_of(version).rules,
            on_progress=record,
            give_way=lambda: self._let_trainings_pass(run),
            is_cancelled=lambda: self._must_end(run),
        )
        status, reason = decide(measures)
        if status is SuiteStatus.REFUSED:
            self._roll_back(version, reason)
        self._store.finish(run.id, status, reason, at=self._clock(), measures=measures)

    def _roll_back(self, version: AdapterVersion, reason: str) -> None:
        if not self._is_in_use(version) or self._registry.is_frozen(version.user_id):
            return
        try:
            self._registry.roll_back(
                version.user_id,
                expected=version.number,
                by=_ACTOR,
                at=self._clock(),
                reason=f"rolled back automatically: {reason}",
            )
        except (AdapterConflictError, AdapterNotFoundError) as error:
            # Meanwhile another version was promoted, or this one was erased.
            _log.info("%s was not rolled back: %s", version.label, error)

    def _is_in_use(self, version: AdapterVersion) -> bool:
        active = self._registry.active(version.user_id)
        return active is not None and active.number == version.number

    def _let_trainings_pass(self, run: SuiteRun) -> None:
        """Wait for trainings: a user waits for them, and a busy engine stops them."""
        while self._trainings.has_open_run() and not self._must_end(run):
            self._is_stopping.wait(_TRAINING_POLL)

    def _must_end(self, run: SuiteRun) -> bool:
        return self._is_stopping.is_set() or not self._store.exists(run.id)

    def _fail(self, run: SuiteRun, reason: str) -> None:
        self._store.fail(run.id, reason, self._clock())
