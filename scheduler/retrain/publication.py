"""Ends a run: stores its version, promotes it and records why, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlite_utils import Database

from adapters_store.errors import AdapterConflictError
from adapters_store.files import AdapterFiles, PublishedAdapter
from adapters_store.records import BASE, AdapterVersion
from adapters_store.registry import Registry
from feedback.examples.build import possible_ids
from feedback.examples.dataset import without
from feedback.filters.records import FilterResult
from feedback.memory.from_examples import demonstrated
from feedback.records import Dataset, TrainingExample
from feedback.rules.rule import Rule
from feedback.store.reader import FeedbackReader
from scheduler.errors import TrainingCancelledError
from scheduler.records import (
    LossPhase,
    PipelineConfig,
    ReplySample,
    RunStatus,
    TeacherChoice,
    TeacherKind,
    TrainingRun,
    Verdict,
)
from scheduler.retrain.warm_start import FitPlan
from scheduler.run_store import RunStore
from scheduler.trainer.job import JobResult
from scheduler.version_report import (
    FitReport,
    VersionReport,
    curation_report,
    finite,
)


@dataclass(frozen=True, slots=True)
class FinishedFit:
    """What one run trained, with its verdict; `active` was in use when the run began.

    `dataset` is all that there was to learn; `plan.dataset` is what was taught, as it was worded.
    `filtered` are the filters' results; `remarks` are sentences about how examples were changed;
    `curve` is the loss of the fit.
    """

    run: TrainingRun
    dataset: Dataset
    teacher: TeacherChoice
    rules: tuple[Rule, ...]
    result: JobResult
    verdict: Verdict
    active: AdapterVersion | None
    filtered: tuple[FilterResult, ...]
    plan: FitPlan
    samples: tuple[ReplySample, ...] = ()
    remarks: tuple[str, ...] = ()
    curve: tuple[LossPhase, ...] = ()

    @property
    def example_ids(self) -> tuple[str, ...]:
        """The ids of the examples that the weights hold."""
        return tuple(each.id for each in self._learned)

    @property
    def given_ids(self) -> frozenset[str]:
        """Those of `example_ids` that feedback made."""
        return frozenset(each.id for each in self._learned if each.feedback_ids)

    @property
    def _learned(self) -> tuple[TrainingExample, ...]:
        """The examples that the weights hold. A teacher is shown no held-out ones."""
        if self.teacher.kind is TeacherKind.DEMONSTRATIONS:
            return demonstrated(self.dataset.train)
        return without(self.dataset, self.result.rejections).examples

    @property
    def reasons(self) -> str:
        """The verdict's sentences, in one line."""
        return " ".join(self.verdict.reasons)

    @property
    def report(self) -> VersionReport:
        """What was taught, what was measured, and what the gate said."""
        return VersionReport(
            teacher=self.teacher,
            rules=self.rules,
            curation=curation_report(self.filtered, self.result.rejections),
            fit=self._fit_report,
            evaluation=asdict(self.result.evaluation),
            verdict=self.verdict,
            samples=self.samples,
            curve=self.curve,
        )

    @property
    def _fit_report(self) -> FitReport:
        start = self.plan.start
        return FitReport(
            sentences=(self.plan.sentence, *self.remarks),
            start=None if start is None else start.number,
            start_checksum=None if start is None else start.checksum,
            dataset_hash=self.dataset.content_hash,
            training=asdict(self.plan.training),
        )

    @property
    def usage(self) -> dict[str, Any]:
        """The resources that the fit used, JSON-ready."""
        return finite(self.result.usage)


class Publisher:
    """Ends runs that have a verdict, and promotes their versions."""

    def __init__(
        self,
        database: Database,
        *,
        registry: Registry,
        files: AdapterFiles,
        runs: RunStore,
        config: PipelineConfig,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._log = FeedbackReader(database)
        self._registry = registry
        self._files = files
        self._runs = runs
        self._config = config
        self._clock = clock

    def refuse(self, fit: FinishedFit) -> None:
        """End the run without a version."""
        with self._database.atomic():
            if not self._ends_withdrawn(fit):
                self._finish(fit, RunStatus.REFUSED, fit.reasons, None)

    def publish(self, fit: FinishedFit) -> None:
        """Store the fit as a version and promote it.

        The version is stored but not promoted if another one came into use during the run, or if
        the adapter was frozen. Nothing of the fit stays if feedback that it learned from was
        withdrawn meanwhile, or if the run was cancelled or erased; then it raises
        `TrainingCancelledError`.
        """
        published = self._files.publish(fit.result.adapter, user_id=fit.run.user_id)
        with self._database.atomic():
            version = self._version(fit, published)
            try:
                self._promote(fit, version)
            except BaseException:
                self._files.remove(version)
                raise

    def return_to_base(
        self,
        run: TrainingRun,
        dataset: Dataset,
        active: AdapterVersion,
        filtered: Sequence[FilterResult],
    ) -> None:
        """Put the base to use: all that `active` learned from was withdrawn or is now rejected."""
        gone = "withdrawn or is now rejected" if filtered else "withdrawn"
        because = f"everything that {active.label} learned from was {gone}"
        with self._database.atomic():
            obstacle = self._move(run, active, None, because)
            status = RunStatus.REFUSED if obstacle else RunStatus.PROMOTED
            reason = obstacle or f"{because}; the base model answers again"
            self._runs.finish(
                run.id,
                status,
                reason,
                at=self._clock(),
                dataset_hash=dataset.content_hash,
                report=VersionReport(curation=curation_report(filtered)).to_json(),
            )

    def _ends_withdrawn(self, fit: FinishedFit) -> bool:
        """End the run without a report if the weights hold an example that no feedback makes."""
        possible: set[str] = set()
        for each in self._log.contributors(fit.run.user_id):
            turns, feedback = self._log.turns_with_feedback(each)
            possible |= possible_ids(turns + self._log.regenerated(each), feedback)
        if fit.given_ids <= possible:
            return False
        reason = "feedback that it learned from was deleted or changed during the run"
        # Without a dataset's hash this run has seen nothing, so the user stays due.
        self._runs.finish(fit.run.id, RunStatus.REFUSED, reason, at=self._clock(), usage=fit.usage)
        return True

    def _promote(self, fit: FinishedFit, version: AdapterVersion) -> None:
        if self._runs.is_cancel_requested(fit.run.id):
            raise TrainingCancelledError("the run was cancelled")
        if self._ends_withdrawn(fit):
            self._files.remove(version)
            return
        self._registry.register(version)
        obstacle = self._move(fit.run, fit.active, version.number, fit.reasons)
        if obstacle:
            reason = f"{version.label} is stored but not in use: {obstacle}"
            self._finish(fit, RunStatus.REFUSED, reason, version)
        else:
            reason = f"{version.label} is in use ({fit.verdict.outcome}). {fit.reasons}"
            self._finish(fit, RunStatus.PROMOTED, reason, version)

    def _move(
        self, run: TrainingRun, active: AdapterVersion | None, to: int | None, because: str
    ) -> str | None:
        """Promote `to` in place of `active`; return the reason if that is not possible."""
        if self._registry.is_frozen(run.user_id):
            return "the adapter was frozen during the run"
        try:
            self._registry.promote(
                run.user_id,
                to,
                expected=None if active is None else active.number,
                by=run.requested_by,
                at=self._clock(),
                reason=because,
            )
        except AdapterConflictError:
            began, now = _label(active), _label(self._registry.active(run.user_id))
            return f"{began} was in use when the run began, and {now} is in use now"
        return None

    def _version(self, fit: FinishedFit, published: PublishedAdapter) -> AdapterVersion:
        config = self._config
        return AdapterVersion(
            user_id=fit.run.user_id,
            number=self._registry.next_number(fit.run.user_id),
            parent=None if fit.active is None else fit.active.number,
            folder=published.folder,
            checksum=published.checksum,
            size_bytes=published.size_bytes,
            base_model=config.base_model,
            base_revision=config.base_revision,
            lora=config.lora,
            created_at=self._clock(),
            created_by=fit.run.requested_by,
            run_id=fit.run.id,
            dataset_hash=fit.plan.dataset.content_hash,
            seed=config.training.seed,
            example_ids=fit.example_ids,
            report=replace(fit.report, usage=fit.usage).to_json(),
        )

    def _finish(
        self, fit: FinishedFit, status: RunStatus, reason: str, version: AdapterVersion | None
    ) -> None:
        self._runs.finish(
            fit.run.id,
            status,
            reason,
            at=self._clock(),
            version=None if version is None else version.number,
            dataset_hash=fit.plan.dataset.content_hash,
            report=fit.report.to_json(),
            usage=fit.usage,
        )


def _label(version: AdapterVersion | None) -> str:
    return BASE if version is None else version.label
